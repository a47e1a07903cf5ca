/* An end station that samples its own traffic: Flowmote in a C firmware without an IP stack.
 *
 *   interrupt                                          main loop
 *    controller -> frames -----------------------------> receive: ARP, ping, UDP echo --+
 *         +-> flowmote_packet_seen -> queue of the agent -> send_datagrams -------------+-> send
 *                                     counters of the MAC -> report_counters ----^      |
 *                                        flowmote_packet_seen <-------------------------+
 */
#include <stdatomic.h>
#include <stdbool.h>

#include "board.h"
#include "console.h"
#include "ethernet.h"
#include "flowmote.h"
#include "memory.h"
#include "respond.h"
#include "station.h"

#define SAMPLING_RATE 100u
/* Received frames that wait for the main loop. */
#define FRAMES 4u
/* The longest that the sFlow standard lets a sample wait for its datagram. */
#define MAX_HOLD_MS 1000u

const uint8_t station_address[4] = {192, 0, 2, 85};
uint8_t collector[4] = {192, 0, 2, 1};

flowmote agent;
flowmote_udp sender;
uint32_t port;
uint32_t datagrams_lost;

static uint8_t mac[6];

/* A ring: the interrupt fills `received % FRAMES`, the main loop empties `taken % FRAMES`. */
static struct {
    size_t length;
    uint8_t bytes[ETHERNET_FRAME_BYTES];
} frames[FRAMES];
static atomic_uint received, taken;

/* While the next hop is being resolved: since when, in milliseconds since boot. */
static bool holding;
static uint64_t held_since;

static _Noreturn void fail(const char *reason)
{
    console_text("fatal: ");
    console_text(reason);
    console_text("\n");
    board_reset();
}

/* Counts a frame; Flowmote copies its header if it is sampled. The return code is ignored, because
 * a full queue is already counted as a drop. */
static void count_packet(uint32_t direction, const uint8_t *header, size_t header_length,
                 const uint8_t *payload, size_t payload_length)
{
    size_t length = header_length + payload_length;
    if (direction == FLOWMOTE_SENT && length < ETHERNET_SHORTEST_BYTES)
        length = ETHERNET_SHORTEST_BYTES;
    flowmote_packet packet = {
        .header = header,
        .header_length = (uint32_t)header_length,
        .frame_length = (uint32_t)length + ETHERNET_FCS_BYTES,
        .direction = direction,
        .payload = payload,
        .payload_length = (uint32_t)payload_length,
    };
    flowmote_packet_seen(&agent, port, &packet);
}

/* Moves frames from the controller into the ring. When the ring is full, the rest stays in the
 * controller, and the interrupt disabled, until the main loop has made room. */
void ethernet_interrupt(void)
{
    ethernet_acknowledge();
    while (received - taken < FRAMES) {
        uint8_t *frame = frames[received % FRAMES].bytes;
        size_t length = ethernet_receive(frame);
        if (length == 0)
            return;
        count_packet(FLOWMOTE_RECEIVED, frame, length, NULL, 0);
        frames[received % FRAMES].length = length;
        received++;
    }
    ethernet_listen(false);
}

static bool send(const uint8_t *head, size_t head_length, const uint8_t *rest, size_t rest_length)
{
    if (!ethernet_send(head, head_length, rest, rest_length))
        return false;
    /* Packets of one port are counted from one context at a time, so keep the interrupt out. */
    uint32_t state = flowmote_enter_critical();
    count_packet(FLOWMOTE_SENT, head, head_length, rest, rest_length);
    flowmote_exit_critical(state);
    return true;
}

/* Answers the oldest waiting frame: one per turn of the main loop, so that the agent empties its
 * queue before the next one. If the FIFO has no room for the reply it is lost; the host repeats. */
static void receive(uint64_t now)
{
    if (received == taken)
        return;
    uint8_t *frame = frames[taken % FRAMES].bytes;
    size_t length = frames[taken % FRAMES].length;
    uint8_t arp[FLOWMOTE_UDP_HEAD_BYTES];
    if (flowmote_udp_receive(&sender, now, frame, length, arp) == FLOWMOTE_YES)
        send(arp, sizeof arp, NULL, 0);
    size_t answer = respond(frame, length, mac, station_address);
    if (answer > 0)
        send(frame, answer, NULL, 0);
    taken++;
    /* There is room again. Raise the interrupt, because frames may have arrived while the ring was
     * full and the chip signals a level only once. */
    ethernet_listen(true);
    irq_raise(IRQ_ETHERNET);
}

static void ask_for_neighbour(uint64_t now)
{
    uint8_t arp[FLOWMOTE_UDP_HEAD_BYTES];
    if (flowmote_udp_poll(&sender, now, arp) == FLOWMOTE_YES)
        send(arp, sizeof arp, NULL, 0);
}

/* True if samples have to wait in the agent: the next hop has been unresolved for less than
 * MAX_HOLD_MS. After that datagrams are encoded and lost, because the collector would take old
 * samples for new ones. */
static bool must_hold(uint64_t now)
{
    bool ready = flowmote_udp_ready(&sender) == FLOWMOTE_YES;
    if (!ready && !holding)
        held_since = now;
    holding = !ready;
    return holding && now - held_since < MAX_HOLD_MS;
}

static void send_datagrams(uint64_t now)
{
    const uint8_t *datagram;
    size_t length;
    while (flowmote_poll_transmit(&agent, now, &datagram, &length) == FLOWMOTE_YES) {
        uint8_t head[FLOWMOTE_UDP_HEAD_BYTES];
        bool sent = flowmote_udp_head(&sender, datagram, length, head) == FLOWMOTE_OK
                    && send(head, sizeof head, datagram, length);
        if (!sent)
            datagrams_lost++;
    }
}

static void report_counters(uint64_t now)
{
    uint32_t if_index;
    while (flowmote_poll_counters(&agent, now, &if_index) == FLOWMOTE_YES) {
        flowmote_if_counters generic;
        flowmote_ethernet_counters ethernet;
        ethernet_counters(&generic, &ethernet);
        generic.if_index = if_index;
        while (flowmote_counters(&agent, now, if_index, &generic, &ethernet) == FLOWMOTE_E_FULL)
            send_datagrams(now);
    }
}

/* Sleeps until an interrupt or until something is due. Interrupts are off from the last check to
 * the sleep, so that none is missed. */
static void sleep(uint64_t now, bool may_send)
{
    uint64_t due = UINT64_MAX;
    if (may_send)
        flowmote_poll_timeout(&agent, &due);
    uint32_t state = flowmote_enter_critical();
    console_listen();
    if (received == taken && due > now)
        board_sleep(due - now);
    flowmote_exit_critical(state);
}

static void start_flowmote(void)
{
    flowmote_config config = {
        .agent_address_length = 4,
        .header_bytes = FLOWMOTE_HEADER_BYTES,
        .datagram_bytes = FLOWMOTE_DATAGRAM_BYTES,
        .max_delay_ms = 100,
        .discard_limit = 10,
    };
    memcpy(config.agent_address, station_address, sizeof station_address);
    memcpy(&config.seed, mac, sizeof mac);
    flowmote_udp_config udp = {.prefix = 24, .port = SFLOW_PORT, .collector_port = SFLOW_PORT};
    memcpy(udp.mac, mac, sizeof mac);
    memcpy(udp.address, station_address, sizeof udp.address);
    memcpy(udp.collector, collector, sizeof udp.collector);
    if (flowmote_init(&agent, sizeof agent, &config) != FLOWMOTE_OK
        || flowmote_add_port(&agent, board_now_ms(), IF_INDEX, SAMPLING_RATE,
                             POLLING_SECONDS * 1000, &port) != FLOWMOTE_OK
        || flowmote_udp_init(&sender, sizeof sender, &udp) != FLOWMOTE_OK)
        fail("invalid configuration of Flowmote");
}

int main(void)
{
    board_start();
    console_start();
    if (!ethernet_start(mac))
        fail("no LAN9118");
    start_flowmote();
    irq_enable(IRQ_ETHERNET);
    console_text("ready\n");
    for (;;) {
        uint64_t now = board_now_ms();
        char *line = console_poll();
        if (line != NULL)
            serve(line, now);
        receive(now);
        ask_for_neighbour(now);
        bool may_send = !must_hold(now);
        if (may_send) {
            report_counters(now);
            send_datagrams(now);
        }
        /* Another line may already be in the FIFO of the UART. */
        if (line == NULL)
            sleep(now, may_send);
    }
}
