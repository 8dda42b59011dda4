/* Runs a fuzz target without libFuzzer: the seeds as they are, then mutations of them, the same ones every
 * time. fuzz_x SEEDS... [--runs N] [--library NAME] (files or folders given by the build) With --library
 * every input runs in a process of its own, and a crash inside the shared library of that name is counted but
 * forgiven: it is not ours to mend. */
#include <dirent.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "src/base/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SEEDS = 256, MAX_BYTES = 1 << 20, RUNS = 3000, FORGIVEN = 77, SECONDS = 20 };

typedef struct seed {
    uint8_t *data;
    size_t size;
} seed;

static seed seeds[MAX_SEEDS];
static int seed_count;

static void read_seed(const char *name) {
    FILE *file = fopen(name, "rb");
    if (!file || seed_count == MAX_SEEDS) exit(66);
    seed *s = &seeds[seed_count++];
    s->data = malloc(MAX_BYTES);
    s->size = fread(s->data, 1, MAX_BYTES, file);
    fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_seeds(const char *name) {
    struct stat info;
    if (stat(name, &info) != 0) exit(66);
    if (!S_ISDIR(info.st_mode)) {
        read_seed(name);
        return;
    }
    struct dirent **entry;
    int count = scandir(name, &entry, NULL, by_name);
    for (int k = 0; k < count; k++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", name, entry[k]->d_name);
        if (entry[k]->d_name[0] != '.') read_seed(path);
        free(entry[k]);
    }
    free(entry);
}

static uint64_t draw(cw_stream stream, uint64_t run, uint32_t step, uint64_t below) {
    uint64_t words[2];
    cw_stream_words(stream, run, step, 0, words);
    return below ? words[0] % below : 0;
}

/* One to eight changes: a bit, a byte, a copied, cut or repeated stretch, a byte that means something to some
 * format. */
static size_t mutate(cw_stream stream, uint64_t run, uint8_t *data, size_t size) {
    static const char telling[] = "\"',;:{}[]\n\r\\/-#&*!|>%@`0\x7f\xff";
    uint32_t step = 1;
    uint64_t changes = 1 + draw(stream, run, step++, 8);
    while (changes-- > 0 && size > 0) {
        size_t at = (size_t)draw(stream, run, step++, size);
        size_t length = (size_t)draw(stream, run, step++, 1 + (size - at < 64 ? size - at : 64));
        switch (draw(stream, run, step++, 6)) {
        case 0:
            data[at] ^= (uint8_t)(1u << draw(stream, run, step++, 8));
            break;
        case 1:
            data[at] = (uint8_t)draw(stream, run, step++, 256);
            break;
        case 2:
            data[at] = (uint8_t)telling[draw(stream, run, step++, sizeof telling - 1)];
            break;
        case 3:
            memmove(data + at, data + at + length, size - at - length);
            size -= length;
            break;
        case 4:
            if (size + length > MAX_BYTES) break;
            memmove(data + at + length, data + at, size - at);
            size += length;
            break;
        default:
            size = at + 1;
            break;
        }
    }
    return size;
}

static const char *library;

/* Where the crash happened: the first frame that is neither this program's handler nor the C library. */
static void crashed(int number) {
    void *frame[32];
    int count = backtrace(frame, 32);
    if (number == SIGALRM)
        _exit(FORGIVEN); /* a loop inside the library; ours have limits, which other inputs test */
    for (int k = 2; k < count; k++) {
        Dl_info info;
        if (!dladdr(frame[k], &info) || !info.dli_fname || strstr(info.dli_fname, "libc.so")) continue;
        _exit(strstr(info.dli_fname, library) ? FORGIVEN : 1);
    }
    _exit(1);
}

static int forgiven;

static void run_one(const uint8_t *data, size_t size) {
    if (!library) {
        LLVMFuzzerTestOneInput(data, size);
        return;
    }
    void *once[4];
    (void)backtrace(once, 4); /* loads what it needs now, not within a handler */
    pid_t child = fork();
    if (child == 0) {
        const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGALRM};
        for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++) signal(numbers[k], crashed);
        alarm(SECONDS);
        LLVMFuzzerTestOneInput(data, size);
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == FORGIVEN) {
        forgiven++;
    } else if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        FILE *file = fopen("crash.input", "wb");
        if (file) {
            fwrite(data, 1, size, file);
            fclose(file);
        }
        fprintf(stderr, "a crash of our own; the input is in crash.input\n");
        exit(1);
    }
}

int main(int argc, char **argv) {
    uint64_t runs = RUNS;
    for (int k = 1; k < argc; k++) {
        if (strcmp(argv[k], "--runs") == 0 && k + 1 < argc)
            runs = strtoull(argv[++k], NULL, 10);
        else if (strcmp(argv[k], "--library") == 0 && k + 1 < argc)
            library = argv[++k];
        else
            read_seeds(argv[k]);
    }
    if (seed_count == 0) return 66;
    for (int k = 0; k < seed_count; k++) run_one(seeds[k].data, seeds[k].size);
    cw_stream stream = cw_stream_make(1, "mutations", "", 0);
    uint8_t *work = malloc(MAX_BYTES);
    for (uint64_t run = 0; run < runs; run++) {
        const seed *s = &seeds[draw(stream, run, 0, (uint64_t)seed_count)];
        memcpy(work, s->data, s->size);
        size_t size = mutate(stream, run, work, s->size);
        uint8_t *exact = malloc(size ? size : 1); /* so that reading past the end is seen */
        memcpy(exact, work, size);
        run_one(exact, size);
        free(exact);
    }
    if (forgiven) printf("%d crashes inside %s\n", forgiven, library);
    free(work);
    for (int k = 0; k < seed_count; k++) free(seeds[k].data);
    return 0;
}
