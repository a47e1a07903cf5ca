/* Replies to ping (RFC 792) and UDP echo (RFC 862), made in place by swapping addresses. */
#ifndef RESPOND_H
#define RESPOND_H

#include <stddef.h>
#include <stdint.h>

/* Turns a request into its reply in place and returns the length of the reply; 0: no request. */
size_t respond(uint8_t *frame, size_t length, const uint8_t mac[6], const uint8_t address[4]);

#endif
