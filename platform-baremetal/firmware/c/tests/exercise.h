/* Declarations shared by exercise.c and bad_pointers.c. */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <stdio.h>
#include <stdlib.h>

#include "flowmote.h"

#define CHECK(expression, expected)                                                                \
    do {                                                                                           \
        long long got_ = (long long)(expression);                                                  \
        if (got_ != (long long)(expected)) {                                                       \
            fprintf(stderr, "%s:%d: %s is %lld\n", __FILE__, __LINE__, #expression, got_);         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* A pointer that is misaligned for every type of the interface. */
#define CROOKED(type) ((type *)(uintptr_t)1)

static inline flowmote_config good_config(void)
{
    flowmote_config config = {
        .agent_address = {192, 0, 2, 1},
        .agent_address_length = 4,
        .header_bytes = 128,
        .datagram_bytes = 1400,
        .max_delay_ms = 100,
        .discard_limit = 1,
        .seed = 7,
    };
    return config;
}

static inline flowmote_packet packet_of(const uint8_t *header, uint32_t length, uint32_t direction)
{
    flowmote_packet packet = {
        .header = header,
        .header_length = length,
        .frame_length = length + 4,
        .direction = direction,
        .output = 2,
        .timestamp_ns = 0,
    };
    return packet;
}

static inline flowmote_udp_config good_udp_config(void)
{
    flowmote_udp_config config = {
        .mac = {2, 0, 0, 0, 0, 1},
        .address = {192, 0, 2, 1},
        .collector = {192, 0, 2, 2},
        .prefix = 24,
        .port = 6343,
        .collector_port = 6343,
    };
    return config;
}

/* `state` has the port. */
void bad_pointers(flowmote *state, uint32_t port);

#endif
