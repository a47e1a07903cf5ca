/* Console commands. Each response ends with "ok", or with "error: " and the reason. */
#include <stdbool.h>

#include "board.h"
#include "console.h"
#include "ethernet.h"
#include "flowmote.h"
#include "memory.h"
#include "station.h"

static uint32_t polling = POLLING_SECONDS;

static void entry(const char *name, uint64_t number)
{
    console_text(name);
    console_number(number);
}

static void traffic(const char *direction, uint32_t count, uint64_t octets)
{
    console_text(direction);
    entry(" frames ", count);
    entry(" octets ", octets);
}

static void show_mac(void)
{
    flowmote_if_counters generic;
    flowmote_ethernet_counters ethernet;
    ethernet_counters(&generic, &ethernet);
    traffic("\nreceived",
            generic.if_in_ucast_pkts + generic.if_in_multicast_pkts + generic.if_in_broadcast_pkts,
            generic.if_in_octets);
    entry(" errors ", generic.if_in_errors);
    entry(" discards ", generic.if_in_discards);
    traffic("\ntransmitted",
            generic.if_out_ucast_pkts + generic.if_out_multicast_pkts
                + generic.if_out_broadcast_pkts,
            generic.if_out_octets);
    entry(" errors ", generic.if_out_errors);
    entry(" discards ", generic.if_out_discards);
}

/* Prints one topic per line, as words followed by numbers. */
static const char *show(uint64_t now)
{
    flowmote_stats stats = {0};
    flowmote_meta meta = {0};
    flowmote_totals(&agent, &stats);
    flowmote_port_meta(&agent, port, &meta);
    console_text("agent ");
    console_address(station_address);
    entry(" uptime ", now);
    console_text("\ncollector ");
    console_address(collector);
    entry("\npolling seconds ", polling);
    entry("\nport ", IF_INDEX);
    entry(" sampling ", meta.sampling_rate);
    entry(" pool ", meta.sample_pool);
    entry(" drops ", meta.drops);
    entry("\nsamples flow ", stats.flow_samples);
    entry(" counter ", stats.counter_samples);
    entry("\ndatagrams sent ", stats.datagrams - datagrams_lost);
    entry(" lost ", datagrams_lost);
    show_mac();
    entry("\nmemory stack ", board_stack_used());
    console_text("\n");
    return NULL;
}

static const char *set_sampling(const char *if_index, const char *rate)
{
    uint32_t number, n;
    if (!parse_number(if_index, &number) || number != IF_INDEX)
        return "sampling PORT N: the only port is 1";
    if (!parse_number(rate, &n) || flowmote_set_sampling_rate(&agent, port, n) != FLOWMOTE_OK)
        return "sampling PORT N: N is 0 to 2147483648";
    return NULL;
}

static const char *set_polling(const char *seconds, uint64_t now)
{
    uint32_t number;
    if (!parse_number(seconds, &number) || number > UINT32_MAX / 1000
        || flowmote_set_polling(&agent, now, port, number * 1000) != FLOWMOTE_OK)
        return "polling S: S is 0 to 4294967";
    polling = number;
    return NULL;
}

static const char *set_collector(const char *host)
{
    uint8_t address[4];
    /* There is no router, so only other hosts of the network are reachable. */
    if (!parse_address(host, address) || memcmp(address, station_address, 3) != 0
        || address[3] == 0 || address[3] == 255 || address[3] == station_address[3]
        || flowmote_udp_set_collector(&sender, address, SFLOW_PORT) != FLOWMOTE_OK)
        return "collector A.B.C.D: another host within 192.0.2.0/24";
    memcpy(collector, address, sizeof collector);
    return NULL;
}

static bool is(const char *word, const char *name)
{
    while (*word == *name && *name != '\0') {
        word++;
        name++;
    }
    return *word == *name;
}

/* Executes a line; returns null, or the error. */
static const char *execute(char *line, uint64_t now)
{
    if (strlen(line) > CONSOLE_LINE_BYTES)
        return "a line has at most 63 characters";
    const char *command = next_word(&line);
    const char *first = next_word(&line);
    const char *second = next_word(&line);
    bool one = *second == '\0', more = *next_word(&line) != '\0';
    if (!more && is(command, "sampling"))
        return set_sampling(first, second);
    if (one && is(command, "polling"))
        return set_polling(first, now);
    if (one && is(command, "collector"))
        return set_collector(first);
    if (*first == '\0' && is(command, "show"))
        return show(now);
    return "commands are show, sampling PORT N, polling S, collector A.B.C.D";
}

void serve(char *line, uint64_t now)
{
    const char *reason = execute(line, now);
    if (reason == NULL) {
        console_text("ok\n");
        return;
    }
    console_text("error: ");
    console_text(reason);
    console_text("\n");
}
