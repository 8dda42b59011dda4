/* An import at any number of ranks writes the bytes that one rank writes, and fails with the same words. Each
 * rank imports with all; then rank 0 imports alone, and compares. */
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "io/import_inside.h"
#include "src/base/random.h"

static int failures, rank;
static char folder[64];

static void check(int truth, const char *what, uint64_t seed) {
    if (truth) return;
    failures++;
    fprintf(stderr, "rank %d: %s (case %llu)\n", rank, what, (unsigned long long)seed);
}

static const char *at(const char *name) {
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
    return path[turn];
}

static uint64_t word(uint64_t seed, uint64_t i) {
    return cw_mix64(cw_mix64(seed) + i);
}

/* One field of each column; `late` makes some rows unlike those before. */
static void write_row(FILE *out, uint64_t seed, uint64_t row, int crlf) {
    static const char *const texts[] = {
        "plain", "\"comma, inside\"", "\"line\nend\"", "\"say \"\"so\"\"\"", "5\" pipe",         "",
        "NA",    "\"\n\n\"",          "\"\r\n\"",      "\"\"\"\"",           "\xc3\xa9t\xc3\xa9"};
    uint64_t w = word(seed, row);
    fprintf(out, "%lld,", (long long)(w % 7 == 0 && row > 90 ? (int64_t)w : (int64_t)row));
    if (w % 11)
        fprintf(out, "%.17g,", (double)(int64_t)w * 0x1p-50);
    else
        fputs(",", out);
    fprintf(out, "%s,%s,", texts[w % 11], row > 150 && w % 40 == 0 ? "late" : w % 2 ? "1" : "0");
    fprintf(out, "20%02d-%02d-%02d%s,L%d", (int)(w % 90 + 10), (int)(w / 90 % 12 + 1),
            (int)(w / 1000 % 28 + 1), w % 5 ? "" : "T12:00:00.25", (int)(w / 7 % 300));
    fputs(crlf ? "\r\n" : "\n", out);
    if (w % 23 == 0) fputs(crlf ? "\r\n" : "\n", out);
}

static const char header[] = "id,\"x\",text,flag,day,label\n";

static void write_file(const char *name, uint64_t seed, uint64_t rows, int64_t broken) {
    FILE *out = fopen(at(name), "wb");
    if (!out) MPI_Abort(MPI_COMM_WORLD, 1);
    fputs(header, out);
    for (uint64_t row = 0; row < rows; row++) {
        if ((int64_t)row == broken) fputs(seed % 2 ? "1,2,3\n" : "1,2,\"open,0,2000-01-01,L\n", out);
        write_row(out, seed, row, seed % 3 == 0);
    }
    fclose(out);
}

static void pack(const char *name, const char *packed) {
    char buffer[4096];
    size_t got;
    FILE *in = fopen(at(name), "rb");
    gzFile out = gzopen(at(packed), "wb");
    if (!in || !out) MPI_Abort(MPI_COMM_WORLD, 1);
    while ((got = fread(buffer, 1, sizeof buffer, in)) > 0) gzwrite(out, buffer, (unsigned)got);
    gzclose(out);
    fclose(in);
    unlink(at(name));
}

static int same(const char *a, const char *b) {
    FILE *x = fopen(at(a), "rb"), *y = fopen(at(b), "rb");
    int equal = x && y;
    for (int c = 0; equal && c != EOF;) equal = (c = fgetc(x)) == fgetc(y);
    if (x) fclose(x);
    if (y) fclose(y);
    return equal;
}

static cw_code import(MPI_Comm comm, const char *pattern, const char *target, size_t piece, cw_error *error,
                      char report[4096]) {
    cw_env env;
    cw_context *context = NULL;
    char *text = NULL, file[128];
    const char *files[] = {file};
    snprintf(file, sizeof file, "%s", at(pattern));
    cw_table_spec spec = {.files = 1, .file = files, .part_id = "part"};
    cw_env_init(&env);
    if (cw_context_create(&env, comm, &context) != CW_OK) MPI_Abort(MPI_COMM_WORLD, 1);
    cw_code code = cw_import_pieces(context, &spec, at(target), piece, &text);
    if (code == CW_OK && cw_context_rank(context) == 0) {
        const char *body = strchr(text, '\n'); /* the first line names the target */
        snprintf(report, 4096, "%s", body ? body : "");
        code = cw_canonical_verify(&env, at(target));
    }
    *error = env.error;
    cw_free(&env, &text);
    cw_context_destroy(&context);
    check(env.blocks_now == 0, "memory is left", 0);
    return code;
}

static void compare(const char *pattern, uint64_t seed, size_t piece, int broken) {
    cw_error mine, alone;
    static char report[4096], report_alone[4096];
    cw_code code = import(MPI_COMM_WORLD, pattern, "all.h5", piece, &mine, report);
    int highest = (int)code;
    MPI_Allreduce(MPI_IN_PLACE, &highest, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    check(highest == (int)code, "ranks differ in their code", seed);
    check((code != CW_OK) == broken, "an error, or none, against expectation", seed);
    if (rank > 0) return;
    check(code == import(MPI_COMM_SELF, pattern, "one.h5", 1 << 18, &alone, report_alone),
          "another code than alone", seed);
    if (code == CW_OK) {
        check(same("all.h5", "one.h5"), "other bytes than alone", seed);
        check(!strcmp(report, report_alone), "another report than alone", seed);
    } else {
        check(!strcmp(mine.what, alone.what), "another error than alone", seed);
        check(!strcmp(mine.where, alone.where), "another place than alone", seed);
        check(access(at("all.h5"), F_OK) != 0, "a half-written file", seed);
    }
    unlink(at("all.h5"));
    unlink(at("one.h5"));
}

static void one_file(uint64_t seed, uint64_t rows, int64_t broken, size_t piece) {
    if (rank == 0) write_file("f_1.csv", seed, rows, broken);
    MPI_Barrier(MPI_COMM_WORLD);
    compare("f_1.csv", seed, piece, broken >= 0);
    MPI_Barrier(MPI_COMM_WORLD);
}

static void many_files(uint64_t seed) {
    static const uint64_t rows[] = {3, 0, 250, 1, 40, 7, 120, 0, 2};
    char name[32], packed[40];
    for (int f = 0; f < 9 && rank == 0; f++) {
        snprintf(name, sizeof name, "g_%d.csv", f);
        snprintf(packed, sizeof packed, "%s.gz", name);
        write_file(name, seed + (uint64_t)f, rows[f], -1);
        if (f % 3 == 2) pack(name, packed);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    compare("g_*", seed, 61, 0);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* More rows than a block of checksums, so that ranks share blocks. */
static void long_file(void) {
    if (rank == 0) {
        FILE *out = fopen(at("f_1.csv"), "wb");
        if (!out) MPI_Abort(MPI_COMM_WORLD, 1);
        fputs("a,b,c\n", out);
        for (int i = 0; i < 300000; i++) fprintf(out, "%d,%d.5,t%d\n", i, i % 1000, i % 5);
        fclose(out);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    compare("f_1.csv", 300000, 1 << 16, 0);
    MPI_Barrier(MPI_COMM_WORLD);
}

/* One rank runs out of memory at one allocation after the other: all ranks hear of it, and nothing stays. */
static void one_rank_fails_alone(void) {
    int size;
    char file[128];
    const char *files[] = {file};
    cw_table_spec spec = {.files = 1, .file = files};
    snprintf(file, sizeof file, "%s", at("f_1.csv"));
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (rank == 0) write_file("f_1.csv", 5, 60, -1);
    MPI_Barrier(MPI_COMM_WORLD);
    for (int64_t n = 1;; n += 1 + n / 8) {
        cw_env env;
        cw_context *context = NULL;
        cw_env_init(&env);
        if (cw_context_create(&env, MPI_COMM_WORLD, &context) != CW_OK) MPI_Abort(MPI_COMM_WORLD, 1);
        if (rank == size - 1) env.fail_at = env.calls + n;
        cw_code code = cw_import_pieces(context, &spec, at("all.h5"), 64, NULL);
        check(code == CW_OK || code == CW_NO_MEMORY, "another error than no memory", (uint64_t)n);
        check(code == CW_OK || access(at("all.h5"), F_OK) != 0, "a half-written file", (uint64_t)n);
        cw_context_destroy(&context);
        check(env.blocks_now == 0, "memory is left", (uint64_t)n);
        MPI_Barrier(MPI_COMM_WORLD);
        if (code == CW_OK) break;
    }
}

int main(int argc, char **argv) {
    MPI_Init(&argc, &argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    strcpy(folder, "/tmp/cw_ranks_XXXXXX");
    if (rank == 0 && !mkdtemp(folder)) MPI_Abort(MPI_COMM_WORLD, 1);
    MPI_Bcast(folder, sizeof folder, MPI_BYTE, 0, MPI_COMM_WORLD);
    for (uint64_t rows = 0; rows < 9; rows++) one_file(rows, rows, -1, 16);
    for (uint64_t seed = 1; seed <= 4; seed++) one_file(seed, 200 + seed, -1, 15 + 22 * seed);
    for (uint64_t seed = 1; seed <= 4; seed++) one_file(seed, 120, (int64_t)(seed * 29), 64);
    many_files(7);
    long_file();
    one_rank_fails_alone();
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (rank == 0 && system(command) != 0) failures++;
    MPI_Allreduce(MPI_IN_PLACE, &failures, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
    MPI_Finalize();
    return failures != 0;
}
