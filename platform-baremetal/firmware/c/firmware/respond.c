#include "respond.h"

#include <stdbool.h>

#include "memory.h"

#define ETHERNET 14u
#define IPV4 20u
#define UDP 8u
#define ICMP_ECHO_REQUEST 8u
#define ECHO_PORT 7u
#define DONT_FRAGMENT 0x4000u

static uint32_t word(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 8 | bytes[1];
}

/* True if the Internet checksum over all bytes is correct (RFC 1071). */
static bool is_sound(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (; length > 1; length -= 2, bytes += 2)
        sum += word(bytes);
    if (length > 0)
        sum += (uint32_t)bytes[0] << 8;
    sum = (sum >> 16) + (sum & 0xffff);
    return (sum >> 16) + (sum & 0xffff) == 0xffff;
}

static void swap(uint8_t *bytes, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        uint8_t byte = bytes[at];
        bytes[at] = bytes[at + length];
        bytes[at + length] = byte;
    }
}

/* False for multicast, broadcast, loopback and unspecified sources, which must not be answered. */
static bool is_host(const uint8_t address[4])
{
    return address[0] != 0 && address[0] != 127 && address[0] < 224 && address[3] != 255;
}

static bool answer_ping(uint8_t *message, size_t length)
{
    if (length < 4 || message[0] != ICMP_ECHO_REQUEST || message[1] != 0
        || !is_sound(message, length))
        return false;
    /* The type changes from 8 to 0, so the sum falls by 0x0800 (RFC 1624). */
    uint32_t sum = word(message + 2) + 0x0800;
    sum = (sum & 0xffff) + (sum >> 16);
    message[0] = 0;
    message[2] = (uint8_t)(sum >> 8);
    message[3] = (uint8_t)sum;
    return true;
}

/* Swapping ports leaves the checksum unchanged. */
static bool answer_echo(uint8_t *segment, size_t length)
{
    /* Two echo services would answer each other without end. */
    if (length < UDP || word(segment + 2) != ECHO_PORT || word(segment) == ECHO_PORT
        || word(segment + 4) != length)
        return false;
    swap(segment, 2);
    return true;
}

size_t respond(uint8_t *frame, size_t length, const uint8_t mac[6], const uint8_t address[4])
{
    if (length < ETHERNET + IPV4)
        return 0;
    bool ours = memcmp(frame, mac, 6) == 0 && (frame[6] & 1) == 0 && word(frame + 12) == 0x0800;
    uint8_t *packet = frame + ETHERNET;
    size_t total = word(packet + 2);
    bool whole = (word(packet + 6) & ~DONT_FRAGMENT) == 0;
    /* Bytes after `total` are padding. */
    if (!ours || packet[0] != 0x45 || total < IPV4 || total > length - ETHERNET || !whole
        || !is_sound(packet, IPV4) || memcmp(packet + 16, address, 4) != 0
        || !is_host(packet + 12))
        return 0;
    bool answered = false;
    if (packet[9] == 1)
        answered = answer_ping(packet + IPV4, total - IPV4);
    else if (packet[9] == 17)
        answered = answer_echo(packet + IPV4, total - IPV4);
    if (!answered)
        return 0;
    /* The checksum does not depend on the order of the addresses. */
    swap(packet + 12, 4);
    memcpy(frame, frame + 6, 6);
    memcpy(frame + 6, mac, 6);
    return ETHERNET + total;
}
