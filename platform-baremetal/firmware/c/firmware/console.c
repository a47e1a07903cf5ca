#include "console.h"

#include "board.h"

#define DATA REGISTER(UART0_BASE + 0x00)
#define STATE REGISTER(UART0_BASE + 0x04)
#define CTRL REGISTER(UART0_BASE + 0x08)
#define INTCLEAR REGISTER(UART0_BASE + 0x0c)
#define BAUDDIV REGISTER(UART0_BASE + 0x10)
#define STATE_TX_FULL (1u << 0)
#define STATE_RX_FULL (1u << 1)
#define CTRL_TX_RX_INTERRUPT (1u << 0 | 1u << 1 | 1u << 3)
#define INT_RX (1u << 1)
#define BACKSPACE 8
#define DELETE 127

void console_start(void)
{
    BAUDDIV = CLOCK_HZ / 115200u;
    CTRL = CTRL_TX_RX_INTERRUPT;
}

/* The interrupt only ends the sleep. It stays disabled until console_listen, because the main loop
 * reads the byte. */
void uart_interrupt(void)
{
    irq_disable(IRQ_UART0_RX);
}

void console_listen(void)
{
    irq_enable(IRQ_UART0_RX);
}

static void put(char byte)
{
    while ((STATE & STATE_TX_FULL) != 0) {
    }
    DATA = (uint8_t)byte;
}

void console_text(const char *text)
{
    while (*text != '\0')
        put(*text++);
}

/* Appends a byte to the line and echoes it, as the terminal does not; true at the end of a line. */
static bool take(char byte, char *line, size_t *length)
{
    if (byte == '\n' || byte == '\r') {
        put('\n');
        return *length > 0;
    }
    if (byte == BACKSPACE || byte == DELETE) {
        if (*length > 0) {
            *length -= 1;
            console_text("\b \b");
        }
    } else if (*length < CONSOLE_LINE_BYTES + 1) {
        line[*length] = byte;
        *length += 1;
        put(byte);
    }
    return false;
}

char *console_poll(void)
{
    static char line[CONSOLE_LINE_BYTES + 2];
    static size_t length;
    char *typed = NULL;
    /* Cleared before the last check for a byte, so that a later byte raises it again. */
    for (INTCLEAR = INT_RX; typed == NULL && (STATE & STATE_RX_FULL) != 0; INTCLEAR = INT_RX) {
        if (take((char)DATA, line, &length)) {
            line[length] = '\0';
            length = 0;
            typed = line;
        }
    }
    return typed;
}

/* Without division, which takes a kilobyte for 64 bits: for each bit, doubles the decimal digits
 * and adds the bit. */
void console_number(uint64_t number)
{
    char digits[20] = {0};
    unsigned used = 1;
    for (int bit = 63; bit >= 0; bit--) {
        int carry = (int)(number >> bit & 1);
        for (unsigned at = 0; at < used; at++) {
            int digit = digits[at] * 2 + carry;
            carry = digit > 9;
            digits[at] = (char)(carry != 0 ? digit - 10 : digit);
        }
        if (carry != 0)
            digits[used++] = 1;
    }
    while (used > 0)
        put((char)('0' + digits[--used]));
}

void console_address(const uint8_t address[4])
{
    for (int at = 0; at < 4; at++) {
        if (at > 0)
            put('.');
        console_number(address[at]);
    }
}

char *next_word(char **line)
{
    char *word = *line;
    while (*word == ' ' || *word == '\t')
        word++;
    char *end = word;
    while (*end != '\0' && *end != ' ' && *end != '\t')
        end++;
    *line = *end == '\0' ? end : end + 1;
    *end = '\0';
    return word;
}

bool parse_number(const char *word, uint32_t *number)
{
    uint32_t value = 0;
    if (*word == '\0')
        return false;
    for (; *word != '\0'; word++) {
        uint32_t digit = (uint32_t)(uint8_t)*word - '0';
        if (digit > 9 || value > (UINT32_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

bool parse_address(const char *word, uint8_t address[4])
{
    uint8_t parsed[4];
    for (int at = 0; at < 4; at++) {
        uint32_t value = 0;
        const char *start = word;
        for (; *word >= '0' && *word <= '9' && word - start < 3; word++)
            value = value * 10 + (uint32_t)(*word - '0');
        bool ended = *word == (at < 3 ? '.' : '\0');
        if (word == start || value > 255 || !ended)
            return false;
        parsed[at] = (uint8_t)value;
        word += at < 3;
    }
    for (int at = 0; at < 4; at++)
        address[at] = parsed[at];
    return true;
}
