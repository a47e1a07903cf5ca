/* State of the end station, shared by main.c and commands.c. */
#ifndef STATION_H
#define STATION_H

#include <stdint.h>

#include "flowmote.h"

/* ifIndex of the only port. */
#define IF_INDEX 1u
/* The UDP port of collectors. */
#define SFLOW_PORT 6343u
#define POLLING_SECONDS 20u

extern const uint8_t station_address[4];
/* IPv4 address of the collector. */
extern uint8_t collector[4];

/* The agent, and its number for the port. */
extern flowmote agent;
extern uint32_t port;
extern flowmote_udp sender;

/* Datagrams that could not be sent. */
extern uint32_t datagrams_lost;

/* Executes a console line and prints the result. */
void serve(char *line, uint64_t now);

#endif
