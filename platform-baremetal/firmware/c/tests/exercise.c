/* Calls every function of flowmote.h, with valid and invalid arguments. Built with AddressSanitizer
 * and UBSan by tests/firmware/c_interface.rs. Prints the datagrams in hexadecimal. */
#include <stdlib.h>
#include <string.h>

#include "exercise.h"

static uint32_t depth;
static uint32_t sections;

uint32_t flowmote_enter_critical(void)
{
    sections++;
    return depth++;
}

void flowmote_exit_critical(uint32_t state)
{
    depth--;
    CHECK(depth, state);
}

static unsigned print_datagrams(flowmote *state, uint64_t now)
{
    const uint8_t *datagram = NULL;
    size_t length = 0, at;
    unsigned count = 0;
    int32_t answer;
    while ((answer = flowmote_poll_transmit(state, now, &datagram, &length)) == FLOWMOTE_YES) {
        for (at = 0; at < length; at++)
            printf("%02x", datagram[at]);
        printf("\n");
        count++;
    }
    CHECK(answer, FLOWMOTE_OK);
    return count;
}

static void initialise(flowmote *state)
{
    flowmote_config config = good_config(), wrong;
    uint64_t at;
    CHECK(flowmote_poll_timeout(state, &at), FLOWMOTE_E_STATE);
    CHECK(flowmote_init(state, sizeof *state - 1, &config), FLOWMOTE_E_SIZE);
#define WRONG(field, value)                                                                        \
    wrong = config;                                                                                \
    wrong.field = value;                                                                           \
    CHECK(flowmote_init(state, sizeof *state, &wrong), FLOWMOTE_E_RANGE)
    WRONG(agent_address_length, 5);
    WRONG(header_bytes, 15);
    WRONG(header_bytes, FLOWMOTE_HEADER_BYTES + 1);
    WRONG(datagram_bytes, 511);
    WRONG(datagram_bytes, FLOWMOTE_DATAGRAM_BYTES + 1);
    WRONG(max_delay_ms, 1001);
    CHECK(sizeof *state, FLOWMOTE_STATE_SIZE);
    config.agent_address_length = 16;
    CHECK(flowmote_init(state, sizeof *state, &config), FLOWMOTE_OK);
    config.agent_address_length = 4;
    CHECK(flowmote_init(state, sizeof *state, &config), FLOWMOTE_OK);
}

static uint32_t ports(flowmote *state)
{
    uint32_t port = 99, i, first;
    CHECK(flowmote_add_port(state, 0, 0, 1, 0, &port), FLOWMOTE_E_RANGE);
    CHECK(flowmote_add_port(state, 0, 0x1000000, 1, 0, &port), FLOWMOTE_E_RANGE);
    CHECK(flowmote_add_port(state, 0, 3, UINT32_MAX, 0, &port), FLOWMOTE_E_RANGE);
    CHECK(flowmote_add_port(state, 0, 3, 1, 1000, &port), FLOWMOTE_OK);
    CHECK(flowmote_add_port(state, 0, 3, 1, 1000, &port), FLOWMOTE_E_EXISTS);
    first = port;
    for (i = 1; i < FLOWMOTE_PORTS; i++)
        CHECK(flowmote_add_port(state, 0, 10 + i, 0, 0, &port), FLOWMOTE_OK);
    CHECK(flowmote_add_port(state, 0, 99, 0, 0, &port), FLOWMOTE_E_PORTS_FULL);
    CHECK(flowmote_set_polling(state, 0, FLOWMOTE_PORTS, 5), FLOWMOTE_E_PORT);
    CHECK(flowmote_set_polling(state, 0, first, 2000), FLOWMOTE_OK);
    CHECK(flowmote_set_sampling_rate(state, UINT32_MAX, 5), FLOWMOTE_E_PORT);
    CHECK(flowmote_set_sampling_rate(state, first, FLOWMOTE_MAX_SAMPLING_RATE + 1u),
          FLOWMOTE_E_RANGE);
    CHECK(flowmote_set_sampling_rate(state, first, FLOWMOTE_MAX_SAMPLING_RATE), FLOWMOTE_OK);
    CHECK(flowmote_set_sampling_rate(state, first, 1), FLOWMOTE_OK);
    return first;
}

static void refused(flowmote *state, uint32_t port, flowmote_packet packet)
{
    flowmote_meta meta = {512, 7, 2};
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_E_RANGE);
    CHECK(flowmote_sample(state, 0, port, &packet, &meta), FLOWMOTE_E_RANGE);
    CHECK(flowmote_discard(state, 0, port, &packet, 258), FLOWMOTE_E_RANGE);
}

/* Each frame is allocated separately, so that AddressSanitizer finds a read past its end. */
static void packets(flowmote *state, uint32_t port)
{
    flowmote_meta meta;
    uint32_t length, i, chosen = 0;
    unsigned datagrams = 0;
    for (length = 0; length < 200; length++) {
        uint8_t *frame = malloc(length ? length : 1);
        flowmote_packet packet = packet_of(frame, length, length % 4);
        memset(frame, (int)length, length);
        CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_YES);
        free(frame);
        chosen++;
        datagrams += print_datagrams(state, length);
    }
    CHECK(datagrams > 5, 1);
    flowmote_packet packet = packet_of(NULL, 0, FLOWMOTE_RECEIVED);
    for (i = 0; i < FLOWMOTE_SLOTS; i++)
        CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_YES);
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_E_QUEUE_FULL);
    refused(state, port, packet_of((const uint8_t *)"x", 1, FLOWMOTE_FLOODED + 1));
    refused(state, port, packet_of((const uint8_t *)"x", 65536, FLOWMOTE_RECEIVED));
    packet = packet_of((const uint8_t *)"x", 1, FLOWMOTE_RECEIVED);
    packet.frame_length = 0;
    refused(state, port, packet);
    CHECK(flowmote_packet_seen(state, port + FLOWMOTE_PORTS, &packet), FLOWMOTE_E_PORT);
    CHECK(flowmote_port_meta(state, port, &meta), FLOWMOTE_OK);
    CHECK(meta.sampling_rate, 1);
    CHECK(meta.sample_pool, chosen + FLOWMOTE_SLOTS + 1);
    CHECK(meta.drops, 1);
}

/* A packet to send in two buffers: the test searches the datagram for both. */
static void parts(flowmote *state, uint32_t port)
{
    uint8_t *header = malloc(14), *payload = malloc(50);
    memset(header, 0x11, 14);
    memset(payload, 0x22, 50);
    flowmote_packet packet = packet_of(header, 14, FLOWMOTE_SENT);
    print_datagrams(state, 200);
    packet.payload = payload;
    packet.payload_length = 50;
    packet.frame_length = 63;
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_E_RANGE);
    packet.payload_length = UINT32_MAX;
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_E_RANGE);
    packet.payload_length = 50;
    packet.frame_length = 68;
    packet.payload = NULL;
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_E_NULL);
    packet.direction = FLOWMOTE_RECEIVED;
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_YES);
    packet.payload = payload;
    packet.direction = FLOWMOTE_SENT;
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_YES);
    free(header);
    free(payload);
    print_datagrams(state, 300);
}

static void chip(flowmote *state, uint32_t port)
{
    uint8_t frame[64] = {0};
    flowmote_packet packet = packet_of(frame, sizeof frame, FLOWMOTE_SWITCHED);
    flowmote_meta meta = {512, 7, 2};
    CHECK(flowmote_sample(state, 300, 77, &packet, &meta), FLOWMOTE_E_PORT);
    CHECK(flowmote_sample(state, 300, port, &packet, &meta), FLOWMOTE_OK);
    CHECK(flowmote_discard(state, 300, 77, &packet, 258), FLOWMOTE_E_PORT);
    CHECK(flowmote_discards_lost(state, 77, 3), FLOWMOTE_E_PORT);
    CHECK(flowmote_discards_lost(state, port, 3), FLOWMOTE_OK);
    CHECK(flowmote_discard(state, 5000, port, &packet, 258), FLOWMOTE_OK);
    CHECK(flowmote_discard(state, 5000, port, &packet, 258), FLOWMOTE_OK);
    int32_t answer = FLOWMOTE_OK;
    unsigned taken = 0;
    while ((answer = flowmote_sample(state, 5000, port, &packet, &meta)) == FLOWMOTE_OK)
        CHECK(taken++ < 100, 1);
    CHECK(answer, FLOWMOTE_E_FULL);
    print_datagrams(state, 5000);
    CHECK(flowmote_sample(state, 5000, port, &packet, &meta), FLOWMOTE_OK);
}

static void counters(flowmote *state)
{
    flowmote_if_counters generic;
    flowmote_ethernet_counters ethernet;
    uint32_t if_index = 0;
    uint64_t at = 0;
    CHECK(flowmote_if_counters_init(&generic), FLOWMOTE_OK);
    CHECK(flowmote_ethernet_counters_init(&ethernet), FLOWMOTE_OK);
    CHECK(ethernet.dot3_stats_fcs_errors, FLOWMOTE_UNKNOWN);
    CHECK(generic.if_in_octets == UINT64_MAX, 1);
    CHECK(flowmote_poll_timeout(state, &at), FLOWMOTE_YES);
    CHECK(flowmote_poll_counters(state, 8000, &if_index), FLOWMOTE_YES);
    CHECK(if_index, 3);
    CHECK(flowmote_poll_counters(state, 8000, &if_index), FLOWMOTE_OK);
    generic.if_index = if_index;
    generic.if_in_octets = UINT64_C(0x123456789A);
    print_datagrams(state, 8000);
    CHECK(flowmote_counters(state, 8000, 4711, &generic, NULL), FLOWMOTE_E_PORT);
    CHECK(flowmote_counters(state, 8000, if_index, &generic, NULL), FLOWMOTE_OK);
    CHECK(flowmote_counters(state, 8000, if_index, &generic, &ethernet), FLOWMOTE_OK);
    CHECK(print_datagrams(state, 8100), 1);
}

static void totals(flowmote *state)
{
    flowmote_stats stats;
    CHECK(flowmote_totals(state, &stats), FLOWMOTE_OK);
    CHECK(stats.counter_samples, 2);
    CHECK(stats.discarded_packets, 1);
    CHECK(stats.discards_suppressed, 1);
    CHECK(stats.discards_lost, 3);
    CHECK(stats.flow_samples > 200, 1);
}

static void udp(void)
{
    static flowmote_udp sender;
    static const uint8_t answer[42] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0,   0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0,
                                       2, 2, 0, 0, 0, 0, 2, 192, 0, 2, 2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1};
    flowmote_udp_config config = good_udp_config(), wrong = config;
    uint8_t *head = malloc(FLOWMOTE_UDP_HEAD_BYTES);
    wrong.prefix = 33;
    CHECK(flowmote_udp_init(&sender, sizeof sender, &wrong), FLOWMOTE_E_RANGE);
    wrong = config;
    wrong.collector_port = 0;
    CHECK(flowmote_udp_init(&sender, sizeof sender, &wrong), FLOWMOTE_E_RANGE);
    wrong = config;
    wrong.port = 0;
    CHECK(flowmote_udp_init(&sender, sizeof sender, &wrong), FLOWMOTE_E_RANGE);
    CHECK(flowmote_udp_init(&sender, sizeof sender - 1, &config), FLOWMOTE_E_SIZE);
    CHECK(flowmote_udp_init(&sender, sizeof sender, &config), FLOWMOTE_OK);
    CHECK(flowmote_udp_ready(&sender), FLOWMOTE_OK);
    CHECK(flowmote_udp_poll(&sender, 0, head), FLOWMOTE_YES);
    CHECK(head[41], 2);
    CHECK(flowmote_udp_poll(&sender, 1, head), FLOWMOTE_OK);
    CHECK(flowmote_udp_head(&sender, (const uint8_t *)"abc", 3, head), FLOWMOTE_E_NEIGHBOUR);
    CHECK(flowmote_udp_receive(&sender, 2, answer, SIZE_MAX, head), FLOWMOTE_E_RANGE);
    for (size_t length = 0; length <= 42; length++) {
        uint8_t *frame = malloc(length ? length : 1);
        memcpy(frame, answer, length);
        CHECK(flowmote_udp_receive(&sender, 2, frame, length, head), FLOWMOTE_OK);
        free(frame);
    }
    CHECK(flowmote_udp_ready(&sender), FLOWMOTE_YES);
    CHECK(flowmote_udp_head(&sender, (const uint8_t *)"abc", 3, head), FLOWMOTE_OK);
    CHECK(head[17], 31);
    CHECK(flowmote_udp_head(&sender, NULL, 0, head), FLOWMOTE_OK);
    uint8_t *large = calloc(65508, 1);
    CHECK(flowmote_udp_head(&sender, large, 65508, head), FLOWMOTE_E_TOO_LARGE);
    CHECK(flowmote_udp_head(&sender, large, 65507, head), FLOWMOTE_OK);
    free(large);
    CHECK(flowmote_udp_set_collector(&sender, (const uint8_t *)"\xE0\0\0\1", 6343), FLOWMOTE_E_RANGE);
    CHECK(flowmote_udp_set_collector(&sender, (const uint8_t *)"\xC0\0\2\3", 0), FLOWMOTE_E_RANGE);
    CHECK(flowmote_udp_set_collector(&sender, (const uint8_t *)"\xC0\0\2\3", 6343), FLOWMOTE_OK);
    CHECK(flowmote_udp_head(&sender, (const uint8_t *)"abc", 3, head), FLOWMOTE_E_NEIGHBOUR);
    free(head);
}

int main(void)
{
    flowmote *state = calloc(1, sizeof *state);
    memset(state, 0xa5, sizeof *state);
    initialise(state);
    uint32_t port = ports(state);
    packets(state, port);
    parts(state, port);
    chip(state, port);
    counters(state);
    totals(state);
    udp();
    flowmote *before = malloc(sizeof *before);
    memcpy(before, state, sizeof *before);
    bad_pointers(state, port);
    CHECK(memcmp(before, state, sizeof *before), 0);
    free(before);
    CHECK(depth, 0);
    CHECK(sections > 0, 1);
    free(state);
    return 0;
}
