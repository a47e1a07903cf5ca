/* Clock, sleep, interrupts: the processor and what the FPGA adds to it. */
#include "board.h"

#include "flowmote.h"

/* Armv7-M, B3.2 to B3.4. */
#define SYST_CSR REGISTER(0xe000e010u)
#define SYST_RVR REGISTER(0xe000e014u)
#define SYST_CVR REGISTER(0xe000e018u)
#define NVIC_ISER REGISTER(0xe000e100u)
#define NVIC_ICER REGISTER(0xe000e180u)
#define NVIC_ISPR REGISTER(0xe000e200u)
#define SCB_ICSR REGISTER(0xe000ed04u)
#define SCB_AIRCR REGISTER(0xe000ed0cu)
#define SYST_CSR_ON 7u /* processor clock, exception, enable */
#define ICSR_PENDSTCLR (1u << 25)
#define AIRCR_RESET 0x05fa0004u

/* System control block of the FPGA, DAI 0385 table 4-3: a counter with a prescaler. */
#define FPGAIO_COUNTER REGISTER(0x40028018u)
#define FPGAIO_PRESCALE REGISTER(0x4002801cu)

#define TICKS_PER_MS (CLOCK_HZ / 1000u)
/* SysTick has 24 bits. */
#define LONGEST_SLEEP_MS 500u

/* Defined by link.ld. */
extern const uint32_t stack_limit[], stack_top[];

void board_start(void)
{
    FPGAIO_PRESCALE = TICKS_PER_MS - 1;
    FPGAIO_COUNTER = 0;
}

uint64_t board_now_ms(void)
{
    static uint32_t last, wraps;
    uint32_t count = FPGAIO_COUNTER;
    if (count < last)
        wraps++;
    last = count;
    return (uint64_t)wraps << 32 | count;
}

void board_sleep(uint64_t ms)
{
    if (ms == 0)
        return;
    if (ms > LONGEST_SLEEP_MS)
        ms = LONGEST_SLEEP_MS;
    SYST_RVR = (uint32_t)ms * TICKS_PER_MS;
    SYST_CVR = 0;
    SYST_CSR = SYST_CSR_ON;
    __asm__ volatile("dsb\n\twfi" ::: "memory");
    SYST_CSR = 0;
    /* The exception was only to end the sleep: WFI wakes even with interrupts off. */
    SCB_ICSR = ICSR_PENDSTCLR;
}

void irq_enable(unsigned irq)
{
    NVIC_ISER = 1u << irq;
}

void irq_disable(unsigned irq)
{
    NVIC_ICER = 1u << irq;
    __asm__ volatile("dsb\n\tisb" ::: "memory");
}

void irq_raise(unsigned irq)
{
    NVIC_ISPR = 1u << irq;
}

size_t board_stack_used(void)
{
    const uint32_t *word = stack_limit;
    while (word < stack_top && *word == STACK_PAINT)
        word++;
    return (size_t)(stack_top - word) * sizeof *word;
}

void board_reset(void)
{
    for (;;)
        SCB_AIRCR = AIRCR_RESET;
}

/* The two functions that Flowmote requires: disable interrupts, and restore the previous state. If
 * the most urgent interrupts never call Flowmote, BASEPRI instead of PRIMASK leaves them enabled. */
uint32_t flowmote_enter_critical(void)
{
    uint32_t primask;
    __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
    return primask;
}

void flowmote_exit_critical(uint32_t primask)
{
    __asm__ volatile("msr primask, %0" ::"r"(primask) : "memory");
}
