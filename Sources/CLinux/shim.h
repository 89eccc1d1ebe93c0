#pragma once
#include <malloc.h>
#include <sys/timex.h>

// What Swift's Glibc module leaves out.

// 1: the kernel's clock is kept by NTP; 0: it runs free.
static inline int clinux_clock_is_synchronised(void) {
    struct timex state = { 0 };
    return adjtimex(&state) >= 0 && !(state.status & STA_UNSYNC);
}
// glibc keeps an arena of memory for each thread, and gives freed memory back late: a small daemon wants neither.
static inline void clinux_lean_memory(void) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
}
