/* The parts of the board (Arm MPS2, FPGA image AN385, DAI 0385) that the end station uses. */
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

/* Interrupt numbers in the NVIC. */
#define IRQ_UART0_RX 0
#define IRQ_ETHERNET 13

/* Starts the clock. */
void board_start(void);

/* Milliseconds since board_start. For the main loop; call it at least once in 49 days, when the
 * 32-bit counter wraps. */
uint64_t board_now_ms(void);

/* Sleeps until an interrupt is pending, but at most `ms` and 500 ms. Call it with interrupts off,
 * after checking for work: an interrupt after the check then still ends the sleep. */
void board_sleep(uint64_t ms);

void irq_enable(unsigned irq);
void irq_disable(unsigned irq);
/* Makes the interrupt pending, so that its handler runs. */
void irq_raise(unsigned irq);

_Noreturn void board_reset(void);

/* Maximum stack use since reset in bytes, from the paint that is gone. */
size_t board_stack_used(void);

/* The interrupt handlers, defined in console.c and main.c. */
void uart_interrupt(void);
void ethernet_interrupt(void);

#endif
