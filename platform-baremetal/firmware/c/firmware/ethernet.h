/* Driver of the LAN9118. Frames are without FCS in both directions. */
#ifndef ETHERNET_H
#define ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowmote.h"

/* The longest frame: 1500 bytes after an Ethernet and a VLAN header. */
#define ETHERNET_FRAME_BYTES 1518u
#define ETHERNET_HEADER_BYTES 14u
/* Ethernet pads shorter frames to this length; the FCS is not included. */
#define ETHERNET_SHORTEST_BYTES 60u
#define ETHERNET_FCS_BYTES 4u

/* Resets the chip, stores the MAC address of its EEPROM, and starts both directions with the
 * receive interrupt enabled. False: there is no LAN9118 at the address. */
bool ethernet_start(uint8_t mac[6]);

/* Enables or disables the receive interrupt. Any context. */
void ethernet_listen(bool listen);

/* Clears the receive interrupt. Call it before draining with ethernet_receive, so that a frame
 * after the last read raises it again. */
void ethernet_acknowledge(void);

/* Reads the next good frame into a buffer of ETHERNET_FRAME_BYTES; returns its length, 0: none. Bad
 * frames are counted and discarded. For the interrupt. */
size_t ethernet_receive(uint8_t *frame);

/* Sends a frame in two parts, the second one possibly empty, padded to ETHERNET_SHORTEST_BYTES.
 * False: too long, or no room in the FIFO; both are counted. For the main loop. */
bool ethernet_send(const uint8_t *head, size_t head_length, const uint8_t *rest,
                   size_t rest_length);

/* Stores the counters, with the link state from the PHY. For the main loop. */
void ethernet_counters(flowmote_if_counters *generic, flowmote_ethernet_counters *ethernet);

#endif
