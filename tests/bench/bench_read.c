/* bench_read FILE.h5: streams every column of a table through the reader, block by block, and prints JSON.
 * Each value is touched (one sum a column and block), as a method would. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "io/table.h"
#include "src/base/real.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    if (argc != 2) return 64;
    cw_env env;
    cw_env_init(&env);
    const char *file = argv[1];
    const cw_table_spec spec = {.files = 1, .file = &file};
    cw_table *table = NULL;
    cw_reader *reader = NULL;
    int32_t column[1024];
    cw_code code = cw_table_scan(&env, &spec, &table);
    for (int32_t j = 0; code == CW_OK && j < table->columns; j++) column[j] = j;
    if (code == CW_OK) code = cw_reader_open(&env, table, table->columns, column, 0, NULL, &reader);
    double best = 1e30, sum = 0;
    for (int round = 0; round < 5 && code == CW_OK; round++) {
        double start = now();
        cw_source source = cw_reader_source(reader);
        for (int64_t first = 0; first < source.rows && code == CW_OK; first += CW_BLOCK_ROWS) {
            cw_block block;
            int64_t left = source.rows - first;
            code = source.read(&env, source.self, first,
                               (int32_t)(left < CW_BLOCK_ROWS ? left : CW_BLOCK_ROWS), &block);
            for (int32_t j = 0; code == CW_OK && j < block.reals; j++)
                sum += cw_sum(block.rows, block.real[j]);
        }
        double seconds = now() - start;
        if (seconds < best) best = seconds;
    }
    if (code != CW_OK) {
        char line[2048];
        cw_error_line(&env.error, line, sizeof line);
        fprintf(stderr, "%s\n", line);
        return cw_exit_code(code);
    }
    double bytes = (double)table->rows * table->columns * 8;
    printf("{\"seconds\": %.6f, \"gigabytes_per_second\": %.3f, \"sum\": %.17g}\n", best, bytes / best / 1e9,
           sum);
    cw_reader_close(&reader);
    cw_table_destroy(&table);
    return 0;
}
