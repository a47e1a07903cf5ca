/* The end station: what main.c does and commands.c shows and changes. */
#ifndef STATION_H
#define STATION_H

#include <stdint.h>

#include "flowmote.h"

/* ifIndex of the only port. */
#define IF_INDEX 1u
/* Where Flowmote expects a collector. */
#define SFLOW_PORT 6343u
#define POLLING_SECONDS 20u

extern const uint8_t station_address[4];
/* Where datagrams go. */
extern uint8_t collector[4];

/* The agent, and the number by which it knows the port. */
extern flowmote agent;
extern uint32_t port;
extern flowmote_udp sender;

/* Datagrams that could not be sent. */
extern uint32_t datagrams_lost;

/* Does what a line says, and answers on the console. */
void serve(char *line, uint64_t now);

#endif
