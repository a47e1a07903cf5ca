/* Driver of the LAN9118. Frames are without FCS in both directions. */
#ifndef ETHERNET_H
#define ETHERNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "flowmote.h"

/* The longest frame: 1500 bytes behind an Ethernet and a VLAN header. */
#define ETHERNET_FRAME_BYTES 1518u
#define ETHERNET_HEADER_BYTES 14u
/* Ethernet pads a frame to this length; the FCS comes on top. */
#define ETHERNET_SHORTEST_BYTES 60u
#define ETHERNET_FCS_BYTES 4u

/* Resets the chip, tells the MAC address of its EEPROM, and starts both directions, the receive
 * interrupt enabled. False: something else answers at its address, or nothing. */
bool ethernet_start(uint8_t mac[6]);

/* Enables or disables the receive interrupt. Any context. */
void ethernet_listen(bool listen);

/* Forgets the receive interrupt: call before ethernet_receive is called until it answers 0, so
 * that a frame in between raises it again. */
void ethernet_acknowledge(void);

/* Takes the next good frame into a buffer of ETHERNET_FRAME_BYTES; its length, or 0: none. Bad
 * ones are counted and thrown away. For the interrupt. */
size_t ethernet_receive(uint8_t *frame);

/* Sends a frame in two parts, the second one possibly empty, padded to ETHERNET_SHORTEST_BYTES.
 * False: too long, or no room, which is counted. For the main loop. */
bool ethernet_send(const uint8_t *head, size_t head_length, const uint8_t *rest,
                   size_t rest_length);

/* Stores what was counted until now; asks the PHY for the link. For the main loop. */
void ethernet_counters(flowmote_if_counters *generic, flowmote_ethernet_counters *ethernet);

#endif
