/* Between the files of the import. One import goes like this:
 *
 *   files     rank 0 reads every header; all ranks get names, sizes and where the records begin
 *   plan      ranks own byte ranges in file order; one cheap scan finds in which state each is entered, and
 *             how many records and lines come before it
 *   sample    some records of every range give a first guess of the columns' types
 *   pass      the target is made for that guess and the ranges are read into it; notes taken on the way say
 *             what the types really are. Where the guess fell short, the pass is made again with what is now
 *             known: the guess changes how long it takes, never what is written
 *   finish    labels of all ranks are merged and codes replaced; attributes, checksums, rename */
#ifndef CW_IO_IMPORT_INSIDE_H
#define CW_IO_IMPORT_INSIDE_H

#include "canonical.h"
#include "csv_parse.h"
#include "import.h"

enum { CW_IMPORT_PIECE = 256 << 10, CW_IMPORT_BATCH = 8192, CW_IMPORT_MARKED = 16 };

/* What is done with a column. */
typedef struct cw_choice {
    cw_lane_kind lane;
    cw_kind kind;
    cw_storage storage;
    cw_time_unit unit;
    cw_class because; /* the class whose first sight decided it; CW_CLASSES: none */
} cw_choice;

typedef struct cw_import_column {
    char *name;
    const cw_column_spec *spec; /* or NULL */
    cw_choice choice;
    cw_lane lane;
    cw_notes notes; /* of this rank while a pass runs, of all ranks afterwards */
    cw_sight sight; /* on all ranks: the one that decided */
    cw_labels labels;
    int64_t missing;  /* rows: likewise */
    int64_t distinct; /* labels of any rank, then of all; -1: not known */
    int32_t categories;
    char **category; /* of all ranks, sorted; into `joined` */
    char *joined;
    int left_out;   /* too many distinct texts */
    int32_t target; /* place in the canonical table, -1: left out */
} cw_import_column;

/* A run of bytes of one file that one rank reads. */
typedef struct cw_range {
    int64_t file, begin, end; /* end -1: to the end of the (packed) file */
    cw_csv_state state;       /* at begin; known after the plan */
    int64_t line, row; /* likewise: the line that begin is in, the first row that starts at or behind */
    int64_t records, lines;
    int scanned; /* index of its scan, -1: none kept */
} cw_range;

typedef struct cw_import_files {
    int64_t files;
    cw_csv_file *file;
    int64_t *stated;                      /* rows, as a manifest says, or -1 */
    char **part;                          /* names of the parts, where spec.part_id asks for them */
    int32_t *code;                        /* of each file's part name */
    int32_t **map;                        /* file's column -> table's column; NULL: the same */
    void *facts, *names, *columns, *maps; /* what the pointers above point into */
} cw_import_files;

typedef struct cw_importer {
    cw_context *context;
    cw_env *env;
    const cw_table_spec *spec;
    size_t piece;
    cw_import_files in;
    int32_t columns;          /* of the files */
    cw_import_column *column; /* [columns], and one more for the part's name */
    int32_t part_column;      /* its index, == columns, or -1 */
    int64_t ranges;
    cw_range *range;
    cw_csv_scan scan[2]; /* of the first and the last range */
    int64_t rows, first, mine, blank;
    /* while a pass runs */
    int32_t batch;
    int64_t *values; /* of all lanes */
    cw_lane **lanes; /* in the order of the file at hand */
    int64_t at_file;
    cw_canonical *table;
    int wasted; /* the guess has fallen short: nothing more is written */
    char *stored;
} cw_importer;

cw_code cw_import_files_open(cw_importer *import) CW_CHECKED;
void cw_import_files_close(cw_importer *import);

cw_code cw_import_plan(cw_importer *import) CW_CHECKED;

/* Reads this rank's ranges down the lanes. */
cw_code cw_import_read(cw_importer *import) CW_CHECKED;
cw_code cw_import_sample(cw_importer *import) CW_CHECKED;
void cw_import_lanes(cw_importer *import, int sampling);

/* cw_parse.flush: a batch into the canonical table. */
cw_code cw_import_flush(void *self, int64_t row, int32_t rows) CW_CHECKED;

/* A lane's values as they are stored. */
void cw_lane_store(const int64_t *value, int32_t rows, cw_storage storage, void *out);

/* Collective. Notes and missing counts of all ranks; then decides: `changed` says that some column is not
 * what its lane expected. */
cw_code cw_import_decide(cw_importer *import, int *changed) CW_CHECKED;
/* Not collective, the same on all ranks: what is wrong with columns whose kind the user stated. */
cw_code cw_import_check(cw_importer *import) CW_CHECKED;
/* Collective. The sights that decided. */
cw_code cw_import_sights(cw_importer *import) CW_CHECKED;
cw_storage cw_integer_storage(int64_t least, int64_t most, int missing);
cw_storage cw_code_storage(int64_t codes);

/* Collective. The labels of all ranks, for every label lane. */
cw_code cw_import_merge_labels(cw_importer *import) CW_CHECKED;
/* Not collective. Final codes in place of the provisional ones, in this rank's rows. */
cw_code cw_import_recode(cw_importer *import) CW_CHECKED;

cw_code cw_import_report(cw_importer *import, const char *target, char **report) CW_CHECKED;

/* cw_import with the piece size chosen, for tests. */
cw_code cw_import_pieces(cw_context *context, const cw_table_spec *spec, const char *target, size_t piece,
                         char **report) CW_CHECKED;

/* Foreign HDF5 through the table's reader. */
cw_code cw_import_table(cw_context *context, const cw_table_spec *spec, const char *target,
                        char **report) CW_CHECKED;

/* Collective: rank 0's text on all ranks (cw_free). `text` is NULL elsewhere, or where rank 0 failed. */
cw_code cw_share_text(cw_context *context, const char *text, char **out) CW_CHECKED;

#endif
