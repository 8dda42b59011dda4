/* Runs a fuzz target without libFuzzer: the seeds as they are, then mutations of them, the same ones every time.
 *   fuzz_x SEEDS... [--runs N] (files or folders given by the build) */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "src/base/random.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_SEEDS = 256, MAX_BYTES = 1 << 20, RUNS = 3000 };

typedef struct seed {
    uint8_t *data;
    size_t size;
} seed;

static seed seeds[MAX_SEEDS];
static int seed_count;

static void read_seed(const char *name)
{
    FILE *file = fopen(name, "rb");
    if (!file || seed_count == MAX_SEEDS) exit(66);
    seed *s = &seeds[seed_count++];
    s->data = malloc(MAX_BYTES);
    s->size = fread(s->data, 1, MAX_BYTES, file);
    fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static void read_seeds(const char *name)
{
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

static uint64_t draw(cw_stream stream, uint64_t run, uint32_t step, uint64_t below)
{
    uint64_t words[2];
    cw_stream_words(stream, run, step, 0, words);
    return below ? words[0] % below : 0;
}

/* One to eight changes: a bit, a byte, a copied, cut or repeated stretch, a byte that means something to some format. */
static size_t mutate(cw_stream stream, uint64_t run, uint8_t *data, size_t size)
{
    static const char telling[] = "\"',;:{}[]\n\r\\/-#&*!|>%@`0\x7f\xff";
    uint32_t step = 1;
    uint64_t changes = 1 + draw(stream, run, step++, 8);
    while (changes-- > 0 && size > 0) {
        size_t at = (size_t)draw(stream, run, step++, size);
        size_t length = (size_t)draw(stream, run, step++, 1 + (size - at < 64 ? size - at : 64));
        switch (draw(stream, run, step++, 6)) {
        case 0: data[at] ^= (uint8_t)(1u << draw(stream, run, step++, 8)); break;
        case 1: data[at] = (uint8_t)draw(stream, run, step++, 256); break;
        case 2: data[at] = (uint8_t)telling[draw(stream, run, step++, sizeof telling - 1)]; break;
        case 3:
            memmove(data + at, data + at + length, size - at - length);
            size -= length;
            break;
        case 4:
            if (size + length > MAX_BYTES) break;
            memmove(data + at + length, data + at, size - at);
            size += length;
            break;
        default: size = at + 1; break;
        }
    }
    return size;
}

int main(int argc, char **argv)
{
    uint64_t runs = RUNS;
    for (int k = 1; k < argc; k++) {
        if (strcmp(argv[k], "--runs") == 0 && k + 1 < argc) runs = strtoull(argv[++k], NULL, 10);
        else read_seeds(argv[k]);
    }
    if (seed_count == 0) return 66;
    for (int k = 0; k < seed_count; k++) LLVMFuzzerTestOneInput(seeds[k].data, seeds[k].size);
    cw_stream stream = cw_stream_make(1, "mutations", "", 0);
    uint8_t *work = malloc(MAX_BYTES);
    for (uint64_t run = 0; run < runs; run++) {
        const seed *s = &seeds[draw(stream, run, 0, (uint64_t)seed_count)];
        memcpy(work, s->data, s->size);
        size_t size = mutate(stream, run, work, s->size);
        uint8_t *exact = malloc(size ? size : 1); /* so that reading past the end is seen */
        memcpy(exact, work, size);
        LLVMFuzzerTestOneInput(exact, size);
        free(exact);
    }
    free(work);
    for (int k = 0; k < seed_count; k++) free(seeds[k].data);
    return 0;
}
