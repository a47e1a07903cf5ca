/* The console: CMSDK UART (DDI 0479) with 115200 baud. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LINE_BYTES 63u

void console_start(void);

/* The line that was typed, without its end; null: not yet. One that is too long comes as its first
 * CONSOLE_LINE_BYTES and one more character. It is there until the next call. */
char *console_poll(void);

/* Lets the next byte end a sleep. Call it before each, with interrupts off. */
void console_listen(void);

/* Writing waits for the line: 60 characters take 5 ms. */
void console_text(const char *text);
void console_number(uint64_t number);
void console_address(const uint8_t address[4]);

/* The next word of a line, which it takes off; empty at its end. */
char *next_word(char **line);

/* False, and nothing stored: no decimal number of 32 bits, or no address. */
bool parse_number(const char *word, uint32_t *number);
bool parse_address(const char *word, uint8_t address[4]);

#endif
