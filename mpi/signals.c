/* The watchdog and the stop request. A signal handler can reach nothing but the process, so this file holds
 * the process's only variables of this kind. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "inside.h"

/* The alarm rings this often within the allowed time, and the process leaves when it rang that often without
 * progress in between: after at least the allowed time and at most 1/8 more. */
enum { TICKS = 8 };

static volatile sig_atomic_t stop_requested;
static volatile sig_atomic_t alive; /* progress since the last tick */
static volatile sig_atomic_t idle;  /* ticks without any */
static char last_words[160];
static size_t last_words_length;

void cw_request_stop(void) {
    stop_requested = 1;
}

int cw_stop_requested(void) {
    return stop_requested != 0;
}

void cw_forget_stop(void) {
    stop_requested = 0;
}

void cw_progress(cw_context *context) {
    (void)context;
    alive = 1;
}

static void tick(int signal_number) {
    (void)signal_number;
    if (alive) {
        alive = 0;
        idle = 0;
        return;
    }
    idle += 1;
    if (idle < TICKS) return;
    ssize_t written = write(STDERR_FILENO, last_words, last_words_length);
    (void)written;
    _exit(cw_exit_code(CW_MACHINE));
}

static void ring_every(double seconds) {
    struct itimerval timer;
    timer.it_interval.tv_sec = (time_t)seconds;
    timer.it_interval.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6);
    timer.it_value = timer.it_interval;
    setitimer(ITIMER_REAL, &timer, NULL);
}

void cw_watchdog(cw_context *context, double minutes) {
    if (!(minutes > 0)) {
        if (context->watching) ring_every(0);
        context->watching = 0;
        return;
    }
    snprintf(last_words, sizeof last_words,
             "causeway: rank %d made no progress for %g minutes and leaves; look for a rank or file system "
             "that hangs, or raise run.watchdog_minutes\n",
             context->rank, minutes);
    last_words_length = strlen(last_words);
    alive = 1;
    idle = 0;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = tick;
    action.sa_flags = SA_RESTART; /* reads and writes under way go on */
    sigemptyset(&action.sa_mask);
    sigaction(SIGALRM, &action, NULL);
    context->watching = 1;
    double seconds = minutes * 60 / TICKS;
    ring_every(seconds > 1e-3 ? seconds : 1e-3);
}
