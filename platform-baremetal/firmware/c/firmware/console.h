/* The console: CMSDK UART (DDI 0479) with 115200 baud. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LINE_BYTES 63u

void console_start(void);

/* Returns a complete input line without its end; null: none yet. A line that is too long is cut to
 * CONSOLE_LINE_BYTES + 1 characters. Valid until the next call. */
char *console_poll(void);

/* Enables the receive interrupt, so that the next byte ends a sleep. Call it before each sleep,
 * with interrupts off. */
void console_listen(void);

/* Writing blocks until the UART accepts each byte: 60 characters take 5 ms. */
void console_text(const char *text);
void console_number(uint64_t number);
void console_address(const uint8_t address[4]);

/* Removes and returns the first word of a line; an empty word at its end. */
char *next_word(char **line);

/* Parse a decimal number of 32 bits, or an IPv4 address. On false nothing is stored. */
bool parse_number(const char *word, uint32_t *number);
bool parse_address(const char *word, uint8_t address[4]);

#endif
