/* The board: Arm's MPS2 with the FPGA image AN385 (DAI 0385), as far as the end station uses it. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define CLOCK_HZ 25000000u
#define UART0_BASE 0x40004000u
#define LAN9118_BASE 0x40200000u

/* Written over the unused stack at reset. */
#define STACK_PAINT 0xccccccccu

/* Numbers in the NVIC. */
#define IRQ_UART0_RX 0
#define IRQ_ETHERNET 13

/* Starts the clock. */
void board_start(void);

/* Milliseconds since board_start, for the main loop: at least once in 49 days. */
uint64_t board_now_ms(void);

/* Sleeps until an interrupt is pending, for `ms` and 500 ms at the most. Call it with interrupts
 * off, after a last look at what they leave behind: one that comes then is not slept over. */
void board_sleep(uint64_t ms);

void irq_enable(unsigned irq);
void irq_disable(unsigned irq);
/* Has the handler run now. */
void irq_raise(unsigned irq);

_Noreturn void board_reset(void);

/* The deepest that the stack has been, in bytes: it is painted at reset. */
size_t board_stack_used(void);

/* The handlers that the vector table names. */
void uart_interrupt(void);
void ethernet_interrupt(void);

#endif
