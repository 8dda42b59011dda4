/* Advice on how a table's files could be read faster. */
#include <stdio.h>
#include <string.h>

#include "hdf5_part.h"
#include "inspect_internal.h"

enum { TINY_CHUNK = 64 * 1024, SHOWN = 3 };

/* What may be wrong with a column's layout; the first that fits is told. */
typedef enum cw_ailment {
    CW_AIL_GZIP_REALS,
    CW_AIL_TINY_CHUNKS,
    CW_AIL_BYTE_ORDER,
    CW_AIL_ODD_FLOAT,
    CW_AIL_WIDE_RECORD,
    CW_AIL_TEXT,
    CW_AIL_NONE
} cw_ailment;

static const char *const advice_of[] = {
    [CW_AIL_GZIP_REALS] =
        "compressed reals shrink little and read 5 to 7 times slower: write them uncompressed "
        "(h5repack -f NONE, or causeway import)",
    [CW_AIL_TINY_CHUNKS] = "chunks below 64 KiB cost a look-up each: use chunks of 131072 rows (h5repack -l "
                           "CHUNK=131072, or causeway import)",
    [CW_AIL_BYTE_ORDER] = "values of the other byte order are swapped one by one: write them little-endian "
                          "(causeway import)",
    [CW_AIL_ODD_FLOAT] =
        "floats that are neither f32 nor f64 are converted by the HDF5 library, slowly: write f32 or "
        "f64 (causeway import)",
    [CW_AIL_WIDE_RECORD] =
        "stored side by side, so that reading some columns reads all of them: one dataset a column "
        "is faster (causeway import)",
    [CW_AIL_TEXT] =
        "texts are looked up row by row: codes with labels are read 10 times faster (causeway import)",
};

static cw_ailment ailment_of(const cw_field *f, const cw_dataset *d) {
    if (cw_stored_is_text(&f->stored)) return CW_AIL_TEXT;
    if (f->stored.element == CW_E_NONE) return CW_AIL_NONE;
    if (d->gzip && cw_stored_is_float(&f->stored)) return CW_AIL_GZIP_REALS;
    if (d->chunk_rows && d->chunk_bytes < TINY_CHUNK && d->rows > 16 * d->chunk_rows)
        return CW_AIL_TINY_CHUNKS;
    if (f->stored.element == CW_E_ODD) return CW_AIL_ODD_FLOAT;
    if (f->stored.swap) return CW_AIL_BYTE_ORDER;
    if (d->record >= 64 * f->stored.size) return CW_AIL_WIDE_RECORD;
    return CW_AIL_NONE;
}

static cw_code advise(cw_inspection *in, const cw_h5_part *part, cw_ailment ailment) {
    char line[1024];
    size_t used = 0;
    int count = 0;
    line[0] = '\0';
    for (int32_t j = 0; j < part->fields; j++) {
        const cw_field *f = &part->field[j];
        if (ailment_of(f, &part->dataset[f->dataset]) != ailment) continue;
        if (count++ >= SHOWN) continue;
        int more = snprintf(line + used, sizeof line - used, "%s%.100s", used ? ", " : "", f->name);
        used += more > 0 ? (size_t)more : 0;
    }
    if (!count) return CW_OK;
    if (count > SHOWN)
        used += (size_t)snprintf(line + used, sizeof line - used, " and %d more", count - SHOWN);
    snprintf(line + used, sizeof line - used, ": %s", advice_of[ailment]);
    return cw_texts_add(&in->arena, &in->advice, line, strlen(line));
}

static cw_code advise_parts(cw_inspection *in) {
    const cw_table *table = in->table;
    char line[256];
    if (table->parts < 100 || table->rows / table->parts >= CW_BLOCK_ROWS) return CW_OK;
    snprintf(line, sizeof line,
             "%lld parts of %lld rows on average: opening them takes longer than reading them: join them "
             "(causeway "
             "import)",
             (long long)table->parts, (long long)(table->rows / table->parts));
    return cw_texts_add(&in->arena, &in->advice, line, strlen(line));
}

cw_code cw_inspect_layout(cw_inspection *in) {
    const cw_table *table = in->table;
    hid_t file;
    cw_h5_part part;
    if (!table->parts) return CW_OK;
    CW_TRY(cw_h5_open(in->env, table->part[0].file, &file));
    cw_code code = cw_h5_part_open(in->env, table->part[0].file, file, table->part[0].path, -1, NULL, &part);
    if (code == CW_OK) {
        for (int a = 0; code == CW_OK && a < CW_AIL_NONE; a++) code = advise(in, &part, (cw_ailment)a);
        cw_h5_part_close(&part);
    }
    cw_h5_close(&file);
    return code == CW_OK ? advise_parts(in) : code;
}
