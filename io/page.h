/* Laying out plain text for a screen: paragraphs under a label, and tables with aligned columns. Lines are at
 * most CW_PAGE_COLUMNS wide, counted in characters; control characters become spaces and invalid UTF-8 a
 * question mark, so no text of a job or file can drive the terminal. */
#ifndef CW_IO_PAGE_H
#define CW_IO_PAGE_H

#include "../src/base/env.h"

enum { CW_PAGE_COLUMNS = 100, CW_PAGE_LABEL = 13, CW_CELL_BYTES = 96 };

typedef struct cw_page {
    cw_env *env;
    char *text;
    size_t length, room;
    cw_code code; /* the first failure; later calls do nothing */
} cw_page;

typedef struct cw_cell {
    char text[CW_CELL_BYTES];
} cw_cell;

void cw_page_begin(cw_env *env, cw_page *page);

/* A heading, underlined. */
void cw_page_title(cw_page *page, const char *text);
void cw_page_blank(cw_page *page);

/* `label` in a column of its own (may be ""), `text` wrapped beside it; `hang` further columns from the
 * second line on. */
void cw_page_paragraph(cw_page *page, const char *label, const char *text, int hang);
/* A remark below a table, in line with its cells. */
void cw_page_note(cw_page *page, const char *text);
/* A paragraph with a formatted text. */
void cw_page_format(cw_page *page, const char *label, int hang, const char *format, ...) CW_PRINTF(4, 5);
/* A paragraph without wrapping: for paths, which a reader copies. */
void cw_page_verbatim(cw_page *page, const char *label, const char *text);

/* Rows of cells (row-major, the first row holds the headings; a heading that begins with '>' puts its column
 * to the right). Empty columns are left out; where the page is too narrow the widest are clipped, text before
 * numbers.
 */
void cw_page_table(cw_page *page, int32_t rows, int32_t columns, const cw_cell *cell);

/* Copies `text` to a cell, cleaned, and ended by "..." where it is longer than `most` characters. */
void cw_cell_set(cw_cell *cell, const char *text, int most);

/* Characters in a cleaned text. */
int cw_page_width(const char *text);

/* Gives the text (cw_free it) or, after a failure, frees it and returns the failure. */
cw_code cw_page_end(cw_page *page, char **text) CW_CHECKED;

#endif
