#include <string.h>

#include "import_inside.h"

/* Unpacking costs more than reading, and opening costs something: in bytes of plain text. */
enum { PACKED_COST = 6, FILE_COST = 1 << 12 };

static int64_t share_of(int64_t total, int rank, int ranks) {
    return total / ranks * rank + total % ranks * rank / ranks;
}

static int64_t cost(const cw_csv_file *file) {
    return file->gz ? PACKED_COST * file->size + FILE_COST : file->size - file->body + FILE_COST;
}

/* The part of a file that falls to the rank whose share of all costs is [from, to); costs of the files before
 * add up to `before`. */
static int range_of(const cw_csv_file *file, int64_t before, int64_t from, int64_t to, cw_range *out) {
    int64_t size = cost(file);
    if (file->gz) {
        int64_t middle = before + size / 2;
        out->begin = file->body;
        out->end = -1;
        return middle >= from && middle < to;
    }
    int64_t begin = file->body + (from > before ? from - before : 0), end = file->body + (to - before);
    out->begin = begin < file->size ? begin : file->size;
    out->end = end < file->size ? end : file->size;
    return out->end > out->begin;
}

static cw_code own_ranges(cw_importer *import) {
    int rank = cw_context_rank(import->context), ranks = cw_context_size(import->context);
    int64_t total = 0, room = 0;
    for (int64_t f = 0; f < import->in.files; f++) total += cost(&import->in.file[f]);
    int64_t from = share_of(total, rank, ranks), to = share_of(total, rank + 1, ranks), before = 0;
    for (int64_t f = 0; f < import->in.files && before < to; f++) {
        cw_range range = {.file = f, .scanned = -1};
        int64_t size = cost(&import->in.file[f]);
        if (before + size > from && range_of(&import->in.file[f], before, from, to, &range)) {
            if (import->ranges == room) {
                room = 2 * room + 8;
                CW_TRY(cw_realloc(import->env, (size_t)room, sizeof *import->range, &import->range));
            }
            import->range[import->ranges++] = range;
        }
        before += size;
    }
    return CW_OK;
}

/* What the other ranks need to know about a rank's ranges. */
typedef struct cw_outline {
    int64_t ranges, inside;            /* inside: the first one starts within a file */
    int64_t state[CW_CSV_STATES];      /* at the end of the first range, by the state it is entered in */
    int64_t records[CW_CSV_STATES];    /* of the first range */
    int64_t other_records, last_state; /* of the ranges behind it; at the end of the last one of these */
    int64_t first_lines, last_lines;
} cw_outline;

static cw_code scan_all(cw_importer *import, cw_outline *outline) {
    *outline = (cw_outline){.ranges = import->ranges};
    for (int64_t r = 0; r < import->ranges; r++) {
        cw_range *range = &import->range[r];
        const cw_csv_file *file = &import->in.file[range->file];
        range->scanned = r == 0 ? 0 : 1; /* the last one stays */
        cw_csv_scan *scan = &import->scan[range->scanned];
        CW_TRY(cw_csv_scan_range(import->env, file, range->begin, range->end, import->piece, scan));
        cw_progress(import->context);
        range->records = scan->records[CW_CSV_OUT];
        range->lines = scan->lines;
        if (r == 0) {
            outline->inside = range->begin > file->body;
            outline->first_lines = scan->lines;
            for (int s = 0; s < CW_CSV_STATES; s++) {
                outline->state[s] = (int64_t)scan->end[s];
                outline->records[s] = scan->records[s];
            }
        } else {
            outline->other_records += scan->records[CW_CSV_OUT];
            outline->last_state = (int64_t)scan->end[CW_CSV_OUT];
            outline->last_lines = scan->lines;
        }
    }
    for (int64_t r = 1; r + 1 < import->ranges; r++) import->range[r].scanned = -1;
    return CW_OK;
}

/* Follows the state, the line and the row through the ranks before this one. */
static void enter(cw_importer *import, const cw_outline *outline) {
    int64_t state = CW_CSV_OUT, lines = 0, row = 0;
    int ranks = cw_context_size(import->context), rank = cw_context_rank(import->context);
    for (int r = 0; r < ranks; r++) {
        const cw_outline *one = &outline[r];
        if (one->ranges > 0 && !one->inside) {
            state = CW_CSV_OUT;
            lines = 0;
        }
        if (r == rank) {
            import->first = row;
            for (int64_t i = 0; i < import->ranges; i++) {
                cw_range *range = &import->range[i];
                range->state = i == 0 ? (cw_csv_state)state : CW_CSV_OUT;
                range->line = import->in.file[range->file].line + (i == 0 ? lines : 0);
                if (i == 0) range->records = one->records[state];
            }
        }
        if (one->ranges == 0) continue;
        row += one->records[state] + one->other_records;
        if (r == rank) import->mine = row - import->first;
        lines = one->ranges > 1 ? one->last_lines : lines + one->first_lines;
        state = one->ranges > 1 ? one->last_state : one->state[state];
    }
    import->rows = row;
    row = import->first;
    for (int64_t i = 0; i < import->ranges; i++) {
        import->range[i].row = row;
        row += import->range[i].records;
    }
}

/* A manifest may have stated how many rows a file has. */
static cw_code check_stated(cw_importer *import) {
    int64_t stated = 0, *found = NULL;
    for (int64_t f = 0; f < import->in.files; f++) stated |= import->in.stated[f] >= 0;
    if (!stated) return CW_OK;
    cw_code code = cw_agree(import->context,
                            cw_alloc_zero(import->env, (size_t)import->in.files, sizeof *found, &found));
    for (int64_t r = 0; r < import->ranges && code == CW_OK; r++)
        found[import->range[r].file] += import->range[r].records;
    for (int64_t f = 0; f < import->in.files && code == CW_OK; f += 1 << 20) {
        int64_t some = import->in.files - f < 1 << 20 ? import->in.files - f : 1 << 20;
        code = cw_all_sum(import->context, found + f, (int32_t)some);
    }
    for (int64_t f = 0; f < import->in.files && code == CW_OK; f++)
        if (import->in.stated[f] >= 0 && import->in.stated[f] != found[f])
            code = cw_fail(import->env, CW_BAD_DATA, import->in.file[f].name, "mend the manifest or the file",
                           "%lld rows where the manifest %s says %lld", (long long)found[f],
                           import->spec->manifest, (long long)import->in.stated[f]);
    cw_free(import->env, &found);
    return code;
}

cw_code cw_import_plan(cw_importer *import) {
    cw_outline mine = {0}, *all = NULL;
    size_t ranks = (size_t)cw_context_size(import->context);
    cw_code code = own_ranges(import);
    if (code == CW_OK) code = cw_alloc(import->env, ranks, sizeof *all, &all);
    if (code == CW_OK) code = scan_all(import, &mine);
    code = cw_agree(import->context, code);
    if (code == CW_OK) code = cw_all_gather(import->context, &mine, sizeof mine, all);
    if (code == CW_OK) {
        enter(import, all);
        code = check_stated(import);
    }
    cw_free(import->env, &all);
    return code;
}
