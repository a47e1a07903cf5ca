/* Ping (RFC 792) and UDP echo (RFC 862): the answer is the question turned round. */
#ifndef RESPOND_H
#define RESPOND_H

#include <stddef.h>
#include <stdint.h>

/* Makes the answer to a frame in its place and returns its length; 0: it wants none. */
size_t respond(uint8_t *frame, size_t length, const uint8_t mac[6], const uint8_t address[4]);

#endif
