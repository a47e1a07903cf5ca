/* From reset to main, and the vector table (Armv7-M, B1.5). */
#include "board.h"
#include "console.h"

void reset(void);
int main(void);

/* Defined by link.ld. */
extern uint32_t data_start[], data_end[], bss_start[], bss_end[], stack_limit[], stack_top[];
extern const uint32_t data_load[];

/* Entries of the table. The first is the initial stack pointer; the FPGA has 32 interrupts. */
#define EXCEPTIONS 16
#define IRQS 32

static void fault(void)
{
    console_text("fatal: exception\n");
    board_reset();
}

union vector {
    uint32_t *stack;
    void (*handler)(void);
};

__attribute__((section(".vector_table"), used)) static const union vector vectors[EXCEPTIONS + IRQS] = {
    [0] = {.stack = stack_top},
    [1] = {.handler = reset},
    [2 ... EXCEPTIONS - 1] = {.handler = fault},
    [EXCEPTIONS + IRQ_UART0_RX] = {.handler = uart_interrupt},
    [EXCEPTIONS + IRQ_UART0_RX + 1 ... EXCEPTIONS + IRQ_ETHERNET - 1] = {.handler = fault},
    [EXCEPTIONS + IRQ_ETHERNET] = {.handler = ethernet_interrupt},
    [EXCEPTIONS + IRQ_ETHERNET + 1 ... EXCEPTIONS + IRQS - 1] = {.handler = fault},
};

void reset(void)
{
    const uint32_t *from = data_load;
    for (uint32_t *word = data_start; word < data_end; word++)
        *word = *from++;
    for (uint32_t *word = bss_start; word < bss_end; word++)
        *word = 0;
    /* Volatile, or gcc turns the loop into a call of memset, whose own frame it would overwrite. 16
     * words of margin for the frame of this function. */
    const volatile uint32_t *here = __builtin_frame_address(0);
    for (volatile uint32_t *word = stack_limit; word < here - 16; word++)
        *word = STACK_PAINT;
    main();
    fault();
}
