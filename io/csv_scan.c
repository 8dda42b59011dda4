#include <string.h>

#include "csv.h"

/* One of the states that a range may be entered in, followed through it. Two that have come to the same state
 * at the end of a piece stay together from there on: `same` is the other's index. */
typedef struct cw_thread {
    cw_csv_state state;
    int32_t same;
    int64_t records, blank;
    int64_t records_apart, blank_apart; /* what it had counted more than `same` when they met */
} cw_thread;

/* The byte counters let the compiler use vectors. */
int64_t cw_count_lines(const char *x, size_t n) {
    int64_t lines = 0;
    for (size_t i = 0; i < n;) {
        size_t stop = n - i > 255 ? i + 255 : n;
        uint8_t some = 0;
        for (; i < stop; i++) some = (uint8_t)(some + (x[i] == '\n'));
        lines += some;
    }
    return lines;
}

/* Records and empty lines that start in [x, x + n), all outside quotes; x[-1] and x[n] can be read. */
static void count_starts(const char *x, size_t n, cw_thread *thread) {
    for (size_t i = 0; i < n;) {
        size_t stop = n - i > 255 ? i + 255 : n;
        uint8_t records = 0, blank = 0;
        for (; i < stop; i++) {
            uint8_t start = x[(ptrdiff_t)i - 1] == '\n';
            uint8_t empty = (uint8_t)((x[i] == '\n') | ((x[i] == '\r') & (x[i + 1] == '\n')));
            records = (uint8_t)(records + (start & (empty ^ 1)));
            blank = (uint8_t)(blank + (start & empty));
        }
        thread->records += records;
        thread->blank += blank;
    }
}

/* The first quote in [x + from, x + n) that opens a field; n: none. */
static size_t opening(const char *x, size_t from, size_t n, char delimiter) {
    while (from < n) {
        const char *quote = memchr(x + from, '"', n - from);
        if (!quote) return n;
        if (quote[-1] == delimiter || quote[-1] == '\n') return (size_t)(quote - x);
        from = (size_t)(quote - x) + 1;
    }
    return n;
}

static void follow(const char *x, size_t n, char delimiter, cw_thread *thread) {
    for (size_t at = 0; at < n;) {
        if (thread->state == CW_CSV_QUOTE) {
            thread->state = x[at] == '"' ? CW_CSV_IN : CW_CSV_OUT;
            at += x[at] == '"';
        } else if (thread->state == CW_CSV_IN) {
            const char *quote = memchr(x + at, '"', n - at);
            at = quote ? (size_t)(quote - x) + 1 : n;
            if (quote) thread->state = CW_CSV_QUOTE;
        } else {
            size_t quote = opening(x, at, n, delimiter);
            size_t stop = quote < n ? quote + 1 : n;
            count_starts(x + at, stop - at, thread);
            if (quote < n) thread->state = CW_CSV_IN;
            at = stop;
        }
    }
}

static void join_threads(cw_thread *thread, int32_t threads) {
    for (int32_t t = 1; t < threads; t++)
        for (int32_t s = 0; s < t && thread[t].same < 0; s++) {
            if (thread[s].same >= 0 || thread[s].state != thread[t].state) continue;
            thread[t].same = s;
            thread[t].records_apart = thread[t].records - thread[s].records;
            thread[t].blank_apart = thread[t].blank - thread[s].blank;
        }
}

static cw_csv_state state_of(const cw_thread *thread, int32_t t) {
    while (thread[t].same >= 0) t = thread[t].same;
    return thread[t].state;
}

static void mark(cw_csv_scan *out, int64_t place, const cw_thread *thread, int32_t threads) {
    if (out->marks == CW_CSV_MARKS) return;
    out->mark[out->marks] = place;
    for (int32_t t = 0; t < CW_CSV_STATES; t++)
        out->at[out->marks][t] = state_of(thread, t < threads ? t : 0);
    out->marks++;
}

/* One byte of history and one of lookahead stand around the piece at x. */
typedef struct cw_window {
    char *buffer, *x;
    size_t held; /* bytes at x */
} cw_window;

static cw_code scan_pieces(cw_env *env, const cw_csv_file *file, int64_t begin, int64_t end, size_t piece,
                           cw_window *window, cw_thread *thread, int32_t threads, cw_csv_scan *out) {
    cw_bytes *bytes = NULL;
    int inside = begin > file->body; /* then the byte before is read too */
    CW_TRY(cw_bytes_open(env, file->name, file->gz, begin - inside, &bytes));
    cw_code code = CW_OK;
    size_t got;
    int64_t at = begin, stride = (end < 0 ? file->size : end - begin) / (CW_CSV_MARKS - 2);
    int64_t next_mark = begin + stride;
    window->x[-1] = '\n';
    if (inside) CW_TRY_GOTO(code, cw_bytes_read(bytes, window->x - 1, 1, &got), done);
    CW_TRY_GOTO(code, cw_bytes_read(bytes, window->x, piece + 1, &window->held), done);
    while (window->held > 0 && (end < 0 || at < end)) {
        size_t n = window->held < piece ? window->held : piece;
        if (end >= 0 && (int64_t)n > end - at) n = (size_t)(end - at);
        if (window->held == n) window->x[n] = '\n'; /* the last line may lack it */
        out->lines += cw_count_lines(window->x, n);
        for (int32_t t = 0; t < threads; t++)
            if (thread[t].same < 0) follow(window->x, n, file->delimiter, &thread[t]);
        join_threads(thread, threads);
        at += (int64_t)n;
        if (at >= next_mark && out->marks < CW_CSV_MARKS) {
            mark(out, at, thread, threads);
            next_mark = at + stride;
        }
        window->x[-1] = window->x[n - 1];
        size_t kept = window->held - n;
        memmove(window->x, window->x + n, kept);
        CW_TRY_GOTO(code, cw_bytes_read(bytes, window->x + kept, piece + 1 - kept, &got), done);
        window->held = kept + got;
    }
    if (end >= 0 && at < end)
        code =
            cw_fail(env, CW_IO, file->name, "do not change it while it is read", "the file became shorter");
done:
    cw_bytes_close(&bytes);
    return code;
}

cw_code cw_csv_scan_range(cw_env *env, const cw_csv_file *file, int64_t begin, int64_t end, size_t piece,
                          cw_csv_scan *out) {
    memset(out, 0, sizeof *out);
    cw_thread thread[CW_CSV_STATES] = {{.same = -1}, {.same = -1}, {.same = -1}};
    for (int t = 0; t < CW_CSV_STATES; t++) thread[t].state = (cw_csv_state)t;
    int32_t threads = begin == file->body ? 1 : CW_CSV_STATES;
    cw_window window = {0};
    CW_TRY(cw_alloc(env, piece + 2 + CW_CSV_PAD, 1, &window.buffer));
    window.x = window.buffer + 1;
    cw_code code = scan_pieces(env, file, begin, end, piece, &window, thread, threads, out);
    for (int32_t t = 0; t < threads; t++) {
        cw_thread *one = &thread[t];
        if (one->same >= 0) { /* its other comes before it, so that one's counts are ready */
            one->records = out->records[one->same] + one->records_apart;
            one->blank = out->blank[one->same] + one->blank_apart;
        }
        out->end[t] = state_of(thread, t);
        out->records[t] = one->records;
        out->blank[t] = one->blank;
    }
    cw_free(env, &window.buffer);
    return code;
}
