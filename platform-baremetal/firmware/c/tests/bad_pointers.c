/* Every pointer of every function: null, misaligned, and to an uninitialised state.
 * tests/firmware/c_interface.rs compares this with the header. */
#include <string.h>

#include "exercise.h"

void bad_pointers(flowmote *state, uint32_t port)
{
    static flowmote unmade;
    static flowmote_udp unmade_udp, udp;
    static uint8_t frame[FLOWMOTE_UDP_HEAD_BYTES] = {192, 0, 2, 2};
    flowmote_config config = good_config();
    flowmote_udp_config udp_config = good_udp_config();
    flowmote_packet packet = packet_of(frame, 20, FLOWMOTE_RECEIVED);
    flowmote_meta meta = {1, 2, 3};
    flowmote_if_counters generic;
    flowmote_ethernet_counters ethernet;
    flowmote_stats stats;
    const uint8_t *datagram;
    size_t length;
    uint64_t at;
    uint32_t word;
    CHECK(flowmote_if_counters_init(&generic), FLOWMOTE_OK);
    CHECK(flowmote_ethernet_counters_init(&ethernet), FLOWMOTE_OK);
    CHECK(flowmote_udp_init(&udp, sizeof udp, &udp_config), FLOWMOTE_OK);

    CHECK(flowmote_init(NULL, sizeof *state, &config), FLOWMOTE_E_NULL);
    CHECK(flowmote_init(CROOKED(flowmote), sizeof *state, &config), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_init(state, sizeof *state, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_init(state, sizeof *state, CROOKED(flowmote_config)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_add_port(NULL, 0, 1, 1, 0, &word), FLOWMOTE_E_NULL);
    CHECK(flowmote_add_port(CROOKED(flowmote), 0, 1, 1, 0, &word), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_add_port(&unmade, 0, 1, 1, 0, &word), FLOWMOTE_E_STATE);
    CHECK(flowmote_add_port(state, 0, 1, 1, 0, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_add_port(state, 0, 1, 1, 0, CROOKED(uint32_t)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_set_polling(NULL, 0, port, 5), FLOWMOTE_E_NULL);
    CHECK(flowmote_set_polling(CROOKED(flowmote), 0, port, 5), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_set_polling(&unmade, 0, port, 5), FLOWMOTE_E_STATE);

    CHECK(flowmote_poll_counters(NULL, 0, &word), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_counters(CROOKED(flowmote), 0, &word), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_poll_counters(&unmade, 0, &word), FLOWMOTE_E_STATE);
    CHECK(flowmote_poll_counters(state, 0, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_counters(state, 0, CROOKED(uint32_t)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_poll_transmit(NULL, 0, &datagram, &length), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_transmit(CROOKED(flowmote), 0, &datagram, &length), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_poll_transmit(&unmade, 0, &datagram, &length), FLOWMOTE_E_STATE);
    CHECK(flowmote_poll_transmit(state, 0, NULL, &length), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_transmit(state, 0, CROOKED(const uint8_t *), &length),
          FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_poll_transmit(state, 0, &datagram, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_transmit(state, 0, &datagram, CROOKED(size_t)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_poll_timeout(NULL, &at), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_timeout(CROOKED(flowmote), &at), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_poll_timeout(&unmade, &at), FLOWMOTE_E_STATE);
    CHECK(flowmote_poll_timeout(state, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_poll_timeout(state, CROOKED(uint64_t)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_totals(NULL, &stats), FLOWMOTE_E_NULL);
    CHECK(flowmote_totals(CROOKED(flowmote), &stats), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_totals(&unmade, &stats), FLOWMOTE_E_STATE);
    CHECK(flowmote_totals(state, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_totals(state, CROOKED(flowmote_stats)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_if_counters_init(NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_if_counters_init(CROOKED(flowmote_if_counters)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_ethernet_counters_init(NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_ethernet_counters_init(CROOKED(flowmote_ethernet_counters)),
          FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_counters(NULL, 0, 3, &generic, &ethernet), FLOWMOTE_E_NULL);
    CHECK(flowmote_counters(CROOKED(flowmote), 0, 3, &generic, &ethernet), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_counters(&unmade, 0, 3, &generic, &ethernet), FLOWMOTE_E_STATE);
    CHECK(flowmote_counters(state, 0, 3, NULL, &ethernet), FLOWMOTE_E_NULL);
    CHECK(flowmote_counters(state, 0, 3, CROOKED(flowmote_if_counters), &ethernet),
          FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_counters(state, 0, 3, &generic, CROOKED(flowmote_ethernet_counters)),
          FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_packet_seen(NULL, port, &packet), FLOWMOTE_E_NULL);
    CHECK(flowmote_packet_seen(CROOKED(flowmote), port, &packet), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_packet_seen(&unmade, port, &packet), FLOWMOTE_E_STATE);
    CHECK(flowmote_packet_seen(state, port, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_packet_seen(state, port, CROOKED(flowmote_packet)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_sample(NULL, 0, port, &packet, &meta), FLOWMOTE_E_NULL);
    CHECK(flowmote_sample(CROOKED(flowmote), 0, port, &packet, &meta), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_sample(&unmade, 0, port, &packet, &meta), FLOWMOTE_E_STATE);
    CHECK(flowmote_sample(state, 0, port, NULL, &meta), FLOWMOTE_E_NULL);
    CHECK(flowmote_sample(state, 0, port, CROOKED(flowmote_packet), &meta), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_sample(state, 0, port, &packet, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_sample(state, 0, port, &packet, CROOKED(flowmote_meta)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_discard(NULL, 0, port, &packet, 258), FLOWMOTE_E_NULL);
    CHECK(flowmote_discard(CROOKED(flowmote), 0, port, &packet, 258), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_discard(&unmade, 0, port, &packet, 258), FLOWMOTE_E_STATE);
    CHECK(flowmote_discard(state, 0, port, NULL, 258), FLOWMOTE_E_NULL);
    CHECK(flowmote_discard(state, 0, port, CROOKED(flowmote_packet), 258), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_discards_lost(NULL, port, 1), FLOWMOTE_E_NULL);
    CHECK(flowmote_discards_lost(CROOKED(flowmote), port, 1), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_discards_lost(&unmade, port, 1), FLOWMOTE_E_STATE);

    CHECK(flowmote_set_sampling_rate(NULL, port, 5), FLOWMOTE_E_NULL);
    CHECK(flowmote_set_sampling_rate(CROOKED(flowmote), port, 5), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_set_sampling_rate(&unmade, port, 5), FLOWMOTE_E_STATE);

    CHECK(flowmote_port_meta(NULL, port, &meta), FLOWMOTE_E_NULL);
    CHECK(flowmote_port_meta(CROOKED(flowmote), port, &meta), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_port_meta(&unmade, port, &meta), FLOWMOTE_E_STATE);
    CHECK(flowmote_port_meta(state, port, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_port_meta(state, port, CROOKED(flowmote_meta)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_udp_init(NULL, sizeof udp, &udp_config), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_init(CROOKED(flowmote_udp), sizeof udp, &udp_config), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_udp_init(&udp, sizeof udp, NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_init(&udp, sizeof udp, CROOKED(flowmote_udp_config)), FLOWMOTE_E_ALIGNMENT);

    CHECK(flowmote_udp_set_collector(NULL, frame, 6343), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_set_collector(CROOKED(flowmote_udp), frame, 6343), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_udp_set_collector(&unmade_udp, frame, 6343), FLOWMOTE_E_STATE);
    CHECK(flowmote_udp_set_collector(&udp, NULL, 6343), FLOWMOTE_E_NULL);

    CHECK(flowmote_udp_receive(NULL, 0, frame, sizeof frame, frame), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_receive(CROOKED(flowmote_udp), 0, frame, sizeof frame, frame),
          FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_udp_receive(&unmade_udp, 0, frame, sizeof frame, frame), FLOWMOTE_E_STATE);
    CHECK(flowmote_udp_receive(&udp, 0, NULL, sizeof frame, frame), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_receive(&udp, 0, frame, sizeof frame, NULL), FLOWMOTE_E_NULL);

    CHECK(flowmote_udp_poll(NULL, 0, frame), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_poll(CROOKED(flowmote_udp), 0, frame), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_udp_poll(&unmade_udp, 0, frame), FLOWMOTE_E_STATE);
    CHECK(flowmote_udp_poll(&udp, 0, NULL), FLOWMOTE_E_NULL);

    CHECK(flowmote_udp_ready(NULL), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_ready(CROOKED(flowmote_udp)), FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_udp_ready(&unmade_udp), FLOWMOTE_E_STATE);

    CHECK(flowmote_udp_head(NULL, frame, sizeof frame, frame), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_head(CROOKED(flowmote_udp), frame, sizeof frame, frame),
          FLOWMOTE_E_ALIGNMENT);
    CHECK(flowmote_udp_head(&unmade_udp, frame, sizeof frame, frame), FLOWMOTE_E_STATE);
    CHECK(flowmote_udp_head(&udp, NULL, sizeof frame, frame), FLOWMOTE_E_NULL);
    CHECK(flowmote_udp_head(&udp, frame, sizeof frame, NULL), FLOWMOTE_E_NULL);
    packet.header = NULL;
    CHECK(flowmote_packet_seen(state, port, &packet), FLOWMOTE_E_NULL);
    CHECK(flowmote_sample(state, 0, port, &packet, &meta), FLOWMOTE_E_NULL);
    CHECK(flowmote_discard(state, 0, port, &packet, 258), FLOWMOTE_E_NULL);

    /* A copy of a state: it points into the original. */
    memcpy(&unmade, state, sizeof unmade);
    CHECK(flowmote_poll_timeout(&unmade, &at), FLOWMOTE_E_STATE);
}
