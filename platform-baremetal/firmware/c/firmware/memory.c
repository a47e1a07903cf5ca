/* Memory functions in little flash. A firmware with a C library does not need this file; without
 * either, the linker takes faster functions from libflowmote.a, which are 2 KiB larger. */
#include "memory.h"

#include <stdint.h>

/* A word that may alias any type and lie at any address: the Cortex-M3 supports unaligned access. */
typedef struct {
    uint32_t value;
} __attribute__((packed, may_alias)) word;

/* Prevents gcc from recognising the loop as memcpy or memset and calling the function itself. */
#define LITERALLY __attribute__((optimize("no-tree-loop-distribute-patterns")))

LITERALLY void *memcpy(void *restrict to, const void *restrict from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    for (; length >= sizeof(word); length -= sizeof(word)) {
        ((word *)out)->value = ((const word *)in)->value;
        out += sizeof(word);
        in += sizeof(word);
    }
    while (length-- > 0)
        *out++ = *in++;
    return to;
}

LITERALLY void *memmove(void *to, const void *from, size_t length)
{
    uint8_t *out = to;
    const uint8_t *in = from;
    if ((uintptr_t)to - (uintptr_t)from >= length)
        return memcpy(to, from, length);
    while (length-- > 0)
        out[length] = in[length];
    return to;
}

LITERALLY void *memset(void *to, int value, size_t length)
{
    uint8_t *out = to;
    uint32_t pattern = (uint8_t)value * 0x01010101u;
    for (; length >= sizeof(word); length -= sizeof(word)) {
        ((word *)out)->value = pattern;
        out += sizeof(word);
    }
    while (length-- > 0)
        *out++ = (uint8_t)value;
    return to;
}

int memcmp(const void *one, const void *other, size_t length)
{
    const uint8_t *left = one, *right = other;
    for (; length > 0; length--, left++, right++) {
        if (*left != *right)
            return *left - *right;
    }
    return 0;
}

LITERALLY size_t strlen(const char *text)
{
    size_t length = 0;
    while (text[length] != '\0')
        length++;
    return length;
}

/* Functions that compilers call on Arm (RTABI 4.3.4): other names, or another order of arguments. */
#define ALIAS(of) __attribute__((alias(#of)))
void *__aeabi_memcpy(void *restrict, const void *restrict, size_t) ALIAS(memcpy);
void *__aeabi_memcpy4(void *restrict, const void *restrict, size_t) ALIAS(memcpy);
void *__aeabi_memcpy8(void *restrict, const void *restrict, size_t) ALIAS(memcpy);
void *__aeabi_memmove(void *, const void *, size_t) ALIAS(memmove);
void *__aeabi_memmove4(void *, const void *, size_t) ALIAS(memmove);
void *__aeabi_memmove8(void *, const void *, size_t) ALIAS(memmove);

void __aeabi_memset(void *to, size_t length, int value);
void __aeabi_memset4(void *, size_t, int) ALIAS(__aeabi_memset);
void __aeabi_memset8(void *, size_t, int) ALIAS(__aeabi_memset);
void __aeabi_memclr(void *to, size_t length);
void __aeabi_memclr4(void *, size_t) ALIAS(__aeabi_memclr);
void __aeabi_memclr8(void *, size_t) ALIAS(__aeabi_memclr);

void __aeabi_memset(void *to, size_t length, int value)
{
    memset(to, value, length);
}

void __aeabi_memclr(void *to, size_t length)
{
    memset(to, 0, length);
}
