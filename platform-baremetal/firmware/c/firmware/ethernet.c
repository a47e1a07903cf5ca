/* SMSC/Microchip LAN9118: 10/100 Ethernet MAC and PHY with a FIFO interface. Register names and
 * section numbers are those of the data sheet, DS00002266.
 *
 * The chip has one statistics register, RX_DROP. The driver counts everything else from the status
 * word of each frame in either direction. */
#include "ethernet.h"

#include "board.h"
#include "memory.h"

/* System control and status registers, section 5.3. */
#define RX_DATA_FIFO REGISTER(LAN9118_BASE + 0x00)
#define TX_DATA_FIFO REGISTER(LAN9118_BASE + 0x20)
#define RX_STATUS_FIFO REGISTER(LAN9118_BASE + 0x40)
#define TX_STATUS_FIFO REGISTER(LAN9118_BASE + 0x48)
#define ID_REV REGISTER(LAN9118_BASE + 0x50)
#define IRQ_CFG REGISTER(LAN9118_BASE + 0x54)
#define INT_STS REGISTER(LAN9118_BASE + 0x58)
#define INT_EN REGISTER(LAN9118_BASE + 0x5c)
#define BYTE_TEST REGISTER(LAN9118_BASE + 0x64)
#define FIFO_INT REGISTER(LAN9118_BASE + 0x68)
#define TX_CFG REGISTER(LAN9118_BASE + 0x70)
#define HW_CFG REGISTER(LAN9118_BASE + 0x74)
#define RX_FIFO_INF REGISTER(LAN9118_BASE + 0x7c)
#define TX_FIFO_INF REGISTER(LAN9118_BASE + 0x80)
#define RX_DROP REGISTER(LAN9118_BASE + 0xa0)
#define MAC_CSR_CMD REGISTER(LAN9118_BASE + 0xa4)
#define MAC_CSR_DATA REGISTER(LAN9118_BASE + 0xa8)
#define AFC_CFG REGISTER(LAN9118_BASE + 0xac)

#define CHIP_ID 0x0118u
#define BYTE_ORDER 0x87654321u
#define HW_CFG_RESET 1u
#define HW_CFG_SF_TX_5K (1u << 20 | 5u << 16)
#define AFC_CFG_LEVELS 0x006e3740u     /* for this FIFO size, section 5.3.24 */
#define FIFO_INT_FIRST_FRAME 0x48000000u
#define INT_RSFL (1u << 3)
#define IRQ_CFG_PUSH_PULL_HIGH (1u << 8 | 1u << 4 | 1u)
#define TX_CFG_ON (1u << 1)
#define TX_COMMAND_FIRST (1u << 13)
#define TX_COMMAND_LAST (1u << 12)
#define PART_OVERHEAD 12u              /* two command words, three bytes of alignment */

/* RX status, section 3.13.3, and TX status, 3.12.4. */
#define RX_ERROR (1u << 15)
#define RX_MII (1u << 3)
#define RX_DRIBBLE (1u << 2)
#define RX_CRC (1u << 1)
#define TX_ERROR (1u << 15)
#define TX_CARRIER (1u << 11 | 1u << 10)
#define TX_LATE (1u << 9)
#define TX_EXCESSIVE (1u << 8)
#define TX_DEFERRED 1u

/* MAC registers, section 5.4, reached through MAC_CSR_CMD; PHY registers, 5.5, through MII_ACC. */
enum mac_register { MAC_CR = 1, MAC_ADDRH = 2, MAC_ADDRL = 3, MII_ACC = 6, MII_DATA = 7 };
enum phy_register { PHY_CONTROL = 0, PHY_STATUS = 1, PHY_ADVERTISED = 4, PHY_PARTNER = 5 };
#define MAC_CSR_BUSY (1u << 31)
#define MAC_CSR_READ (1u << 30)
#define MAC_CR_FULL_DUPLEX (1u << 20)
#define MAC_CR_GROUPS_TX_RX (1u << 19 | 1u << 3 | 1u << 2)
#define MII_PHY_1 (1u << 11)
#define MII_WRITE (1u << 1)
#define MII_BUSY 1u
#define PHY_CONTROL_NEGOTIATE (1u << 12 | 1u << 9)
#define PHY_STATUS_LINK (1u << 2)
#define PHY_100_FULL (1u << 8)
#define PHY_100_HALF (1u << 7)
#define PHY_10_FULL (1u << 6)

/* Counters in the structures of Flowmote; those that the chip does not report stay unknown. The
 * interrupt counts received frames, the main loop sent ones, so no field has two writers. */
static flowmote_if_counters counters = {
    .if_type = 6, /* ethernetCsmacd */
    .if_in_unknown_protos = FLOWMOTE_UNKNOWN,
};
static flowmote_ethernet_counters details = {
    .dot3_stats_sqe_test_errors = FLOWMOTE_UNKNOWN,
    .dot3_stats_internal_mac_transmit_errors = FLOWMOTE_UNKNOWN,
    .dot3_stats_internal_mac_receive_errors = FLOWMOTE_UNKNOWN,
};

/* Maximum reads of a self-clearing bit before the driver continues regardless. */
static void wait_clear(volatile uint32_t *reg, uint32_t bits)
{
    uint32_t patience = 100000;
    while (patience > 0 && (*reg & bits) != 0)
        patience--;
}

static uint32_t mac_read(enum mac_register number)
{
    MAC_CSR_CMD = MAC_CSR_BUSY | MAC_CSR_READ | (uint32_t)number;
    wait_clear(&MAC_CSR_CMD, MAC_CSR_BUSY);
    return MAC_CSR_DATA;
}

static void mac_write(enum mac_register number, uint32_t value)
{
    MAC_CSR_DATA = value;
    MAC_CSR_CMD = MAC_CSR_BUSY | (uint32_t)number;
    wait_clear(&MAC_CSR_CMD, MAC_CSR_BUSY);
}

static void mii_access(enum phy_register number, uint32_t direction)
{
    mac_write(MII_ACC, MII_PHY_1 | (uint32_t)number << 6 | direction | MII_BUSY);
    uint32_t patience = 1000;
    while (patience > 0 && (mac_read(MII_ACC) & MII_BUSY) != 0)
        patience--;
}

static uint32_t phy_read(enum phy_register number)
{
    mii_access(number, 0);
    return mac_read(MII_DATA);
}

bool ethernet_start(uint8_t mac[6])
{
    if (BYTE_TEST != BYTE_ORDER || ID_REV >> 16 != CHIP_ID)
        return false;
    HW_CFG = HW_CFG_RESET;
    wait_clear(&HW_CFG, HW_CFG_RESET);
    HW_CFG = HW_CFG_SF_TX_5K;
    AFC_CFG = AFC_CFG_LEVELS;
    FIFO_INT = FIFO_INT_FIRST_FRAME;
    INT_STS = UINT32_MAX;
    INT_EN = INT_RSFL;
    IRQ_CFG = IRQ_CFG_PUSH_PULL_HIGH;
    mac_write(MII_DATA, PHY_CONTROL_NEGOTIATE);
    mii_access(PHY_CONTROL, MII_WRITE);
    TX_CFG = TX_CFG_ON;
    mac_write(MAC_CR, MAC_CR_GROUPS_TX_RX);
    uint32_t low = mac_read(MAC_ADDRL), high = mac_read(MAC_ADDRH);
    for (unsigned at = 0; at < 6; at++)
        mac[at] = (uint8_t)(at < 4 ? low >> 8 * at : high >> 8 * (at - 4));
    return true;
}

void ethernet_listen(bool listen)
{
    INT_EN = listen ? INT_RSFL : 0;
}

void ethernet_acknowledge(void)
{
    INT_STS = INT_RSFL;
}

/* Selects the counter of a frame by its destination: unicast, multicast or broadcast. */
static uint32_t *by_destination(const uint8_t *frame, uint32_t *unicast, uint32_t *multicast,
                                uint32_t *broadcast)
{
    static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    if (memcmp(frame, all, sizeof all) == 0)
        return broadcast;
    return (frame[0] & 1) != 0 ? multicast : unicast;
}

/* Counts a frame with an error; false: it has none. */
static bool is_bad(uint32_t status, uint32_t length)
{
    bool too_long = length > ETHERNET_FRAME_BYTES;
    if ((status & RX_ERROR) == 0 && !too_long && length >= ETHERNET_HEADER_BYTES)
        return false;
    counters.if_in_errors++;
    if ((status & RX_CRC) != 0 && (status & RX_DRIBBLE) != 0)
        details.dot3_stats_alignment_errors++;
    else if ((status & RX_CRC) != 0)
        details.dot3_stats_fcs_errors++;
    else if (too_long)
        details.dot3_stats_frame_too_longs++;
    else if ((status & RX_MII) != 0)
        details.dot3_stats_symbol_errors++;
    return true;
}

size_t ethernet_receive(uint8_t *frame)
{
    while ((RX_FIFO_INF >> 16 & 0xff) != 0) {
        uint32_t status = RX_STATUS_FIFO;
        uint32_t octets = status >> 16 & 0x3fff;
        uint32_t length = octets < ETHERNET_FCS_BYTES ? 0 : octets - ETHERNET_FCS_BYTES;
        bool good = !is_bad(status, length);
        for (uint32_t at = 0; at < octets; at += 4) {
            uint32_t word = RX_DATA_FIFO;
            if (good && at < length)
                memcpy(frame + at, &word, length - at < 4 ? length - at : 4);
        }
        if (!good)
            continue;
        counters.if_in_octets += octets;
        ++*by_destination(frame, &counters.if_in_ucast_pkts, &counters.if_in_multicast_pkts,
                          &counters.if_in_broadcast_pkts);
        return length;
    }
    return 0;
}

/* Drains the status words of sent frames: a full status FIFO would stop the transmitter. */
static void take_send_status(void)
{
    for (uint32_t waiting = TX_FIFO_INF >> 16 & 0xff; waiting > 0; waiting--) {
        uint32_t status = TX_STATUS_FIFO;
        uint32_t collisions = status >> 3 & 0xf;
        counters.if_out_errors += (status & TX_ERROR) != 0;
        details.dot3_stats_carrier_sense_errors += (status & TX_CARRIER) != 0;
        details.dot3_stats_late_collisions += (status & TX_LATE) != 0;
        details.dot3_stats_excessive_collisions += (status & TX_EXCESSIVE) != 0;
        details.dot3_stats_deferred_transmissions += (status & TX_DEFERRED) != 0;
        details.dot3_stats_single_collision_frames += collisions == 1;
        details.dot3_stats_multiple_collision_frames += collisions > 1;
    }
}

static void write_part(const uint8_t *part, size_t length, uint32_t flags, size_t total)
{
    TX_DATA_FIFO = flags | (uint32_t)length;
    TX_DATA_FIFO = (uint32_t)total;
    for (size_t at = 0; at < length; at += 4) {
        uint32_t word = 0;
        memcpy(&word, part + at, length - at < 4 ? length - at : 4);
        TX_DATA_FIFO = word;
    }
}

bool ethernet_send(const uint8_t *head, size_t head_length, const uint8_t *rest,
                   size_t rest_length)
{
    static const uint8_t zeros[ETHERNET_SHORTEST_BYTES];
    size_t length = head_length + rest_length;
    size_t padding = length < ETHERNET_SHORTEST_BYTES ? ETHERNET_SHORTEST_BYTES - length : 0;
    size_t total = length + padding;
    take_send_status();
    if (length > ETHERNET_FRAME_BYTES || (TX_FIFO_INF & 0xffff) < total + 3 * PART_OVERHEAD) {
        counters.if_out_discards++;
        return false;
    }
    bool more = rest_length + padding > 0;
    write_part(head, head_length, TX_COMMAND_FIRST | (more ? 0 : TX_COMMAND_LAST), total);
    if (rest_length > 0)
        write_part(rest, rest_length, padding > 0 ? 0 : TX_COMMAND_LAST, total);
    if (padding > 0)
        write_part(zeros, padding, TX_COMMAND_LAST, total);
    counters.if_out_octets += total + ETHERNET_FCS_BYTES;
    ++*by_destination(head, &counters.if_out_ucast_pkts, &counters.if_out_multicast_pkts,
                      &counters.if_out_broadcast_pkts);
    return true;
}

/* Reads the result of auto-negotiation from the PHY and sets the MAC accordingly. */
static void ask_link(void)
{
    /* Latched low (IEEE 802.3, 22.2.4.2.13): after a loss of link the first read returns 0, so only
     * the second one is current. */
    phy_read(PHY_STATUS);
    bool up = (phy_read(PHY_STATUS) & PHY_STATUS_LINK) != 0;
    uint32_t common = phy_read(PHY_ADVERTISED) & phy_read(PHY_PARTNER);
    bool fast = (common & (PHY_100_FULL | PHY_100_HALF)) != 0;
    bool full = (common & PHY_100_FULL) != 0 || (!fast && (common & PHY_10_FULL) != 0);
    counters.if_speed = fast ? 100000000 : 10000000;
    counters.if_direction = full ? 1 : 2;
    counters.if_status = up ? 3 : 1;
    mac_write(MAC_CR, MAC_CR_GROUPS_TX_RX | (full ? MAC_CR_FULL_DUPLEX : 0));
}

void ethernet_counters(flowmote_if_counters *generic, flowmote_ethernet_counters *ethernet)
{
    take_send_status();
    ask_link();
    uint32_t state = flowmote_enter_critical();
    counters.if_in_discards += RX_DROP; /* cleared by reading */
    *generic = counters;
    *ethernet = details;
    flowmote_exit_critical(state);
}
