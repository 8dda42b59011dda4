#include "page.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

void cw_page_begin(cw_env *env, cw_page *page) {
    memset(page, 0, sizeof *page);
    page->env = env;
}

static void put(cw_page *page, const char *bytes, size_t count) {
    if (page->code != CW_OK) return;
    if (count >= page->room - page->length) {
        size_t room = page->room ? page->room : 4096;
        while (count >= room - page->length) room *= 2;
        page->code = cw_realloc(page->env, room, 1, &page->text);
        if (page->code != CW_OK) return;
        page->room = room;
    }
    memcpy(page->text + page->length, bytes, count);
    page->length += count;
}

static void pad(cw_page *page, int count) {
    for (int i = 0; i < count; i++) put(page, " ", 1);
}

/* One character of a text of the outside world: its bytes, and what to print for it. Control characters
 * (also U+0080 to U+009F, which some terminals obey) are spaces. */
static size_t next_character(const char *text, const char **shown, size_t *bytes) {
    unsigned char c = (unsigned char)text[0];
    size_t taken = cw_utf8_length(text, strlen(text));
    *shown = text;
    *bytes = taken;
    if (taken == 0) {
        *shown = "?";
        *bytes = 1;
        return 1;
    }
    int control =
        (taken == 1 && (c < 0x20 || c == 0x7F)) || (taken == 2 && c == 0xC2 && (unsigned char)text[1] < 0xA0);
    if (control) {
        *shown = " ";
        *bytes = 1;
    }
    return taken;
}

int cw_page_width(const char *text) {
    int width = 0;
    while (*text) {
        const char *shown;
        size_t bytes;
        text += next_character(text, &shown, &bytes);
        width++;
    }
    return width;
}

static void put_clean(cw_page *page, const char *text) {
    while (*text) {
        const char *shown;
        size_t bytes;
        text += next_character(text, &shown, &bytes);
        put(page, shown, bytes);
    }
}

void cw_page_blank(cw_page *page) {
    put(page, "\n", 1);
}

static int is_space(const char *text) {
    const char *shown;
    size_t bytes;
    next_character(text, &shown, &bytes);
    return shown[0] == ' ';
}

/* The bytes of the word at `text` and its width; a word is ended by a space. */
static size_t word_length(const char *text, int *width) {
    size_t length = 0;
    *width = 0;
    while (text[length] && !is_space(text + length)) {
        const char *shown;
        size_t bytes;
        length += next_character(text + length, &shown, &bytes);
        ++*width;
    }
    return length;
}

/* Wraps `text` from column `start` on; the cursor is there already. Words wider than a line are cut. */
static void wrap(cw_page *page, const char *text, int start, int hang) {
    int column = start, fresh = 1;
    while (*text) {
        if (is_space(text)) {
            const char *shown;
            size_t bytes;
            text += next_character(text, &shown, &bytes);
            continue;
        }
        int width;
        size_t length = word_length(text, &width);
        if (!fresh && column + 1 + width > CW_PAGE_COLUMNS) {
            put(page, "\n", 1);
            pad(page, start + hang);
            column = start + hang;
            fresh = 1;
        }
        if (!fresh) {
            put(page, " ", 1);
            column++;
        }
        for (const char *end = text + length; text < end; column++) {
            const char *shown;
            size_t bytes;
            if (column == CW_PAGE_COLUMNS) {
                put(page, "\n", 1);
                pad(page, start + hang);
                column = start + hang;
            }
            text += next_character(text, &shown, &bytes);
            put(page, shown, bytes);
        }
        fresh = 0;
    }
    put(page, "\n", 1);
}

void cw_page_title(cw_page *page, const char *text) {
    wrap(page, text, 0, 0);
    int width = cw_page_width(text);
    for (int i = 0; i < width && i < CW_PAGE_COLUMNS; i++) put(page, "=", 1);
    put(page, "\n", 1);
}

static void put_label(cw_page *page, const char *label) {
    put_clean(page, label);
    pad(page, CW_PAGE_LABEL - cw_page_width(label));
}

void cw_page_paragraph(cw_page *page, const char *label, const char *text, int hang) {
    put_label(page, label);
    wrap(page, text, CW_PAGE_LABEL, hang);
}

void cw_page_note(cw_page *page, const char *text) {
    enum { CW_NOTE = 4 };
    pad(page, CW_NOTE);
    wrap(page, text, CW_NOTE, 2);
}

void cw_page_format(cw_page *page, const char *label, int hang, const char *format, ...) {
    if (page->code != CW_OK) return;
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = NULL;
    page->code = cw_alloc(page->env, (size_t)(length < 0 ? 0 : length) + 1, 1, &text);
    if (page->code != CW_OK) return;
    va_start(arguments, format);
    vsnprintf(text, (size_t)(length < 0 ? 0 : length) + 1, format, arguments);
    va_end(arguments);
    cw_page_paragraph(page, label, text, hang);
    cw_free(page->env, &text);
}

void cw_page_verbatim(cw_page *page, const char *label, const char *text) {
    put_label(page, label);
    put_clean(page, text);
    put(page, "\n", 1);
}

void cw_cell_set(cw_cell *cell, const char *text, int most) {
    int width = cw_page_width(text), kept = width > most ? most - 3 : width, done = 0;
    size_t length = 0;
    const char *shown;
    size_t bytes;
    while (*text && done < kept) {
        text += next_character(text, &shown, &bytes);
        if (length + bytes + 4 > sizeof cell->text) break;
        memcpy(cell->text + length, shown, bytes);
        length += bytes;
        done++;
    }
    if (done < width) {
        memcpy(cell->text + length, "...", 3);
        length += 3;
    }
    cell->text[length] = '\0';
}

static const char *shown_text(const cw_cell *cell, int32_t row) {
    return row == 0 && cell->text[0] == '>' ? cell->text + 1 : cell->text;
}

static int column_width(int32_t rows, int32_t columns, const cw_cell *cell, int32_t column) {
    int most = 0;
    for (int32_t r = 1; r < rows; r++) {
        int width = cw_page_width(cell[r * columns + column].text);
        if (width > most) most = width;
    }
    if (most == 0) return 0; /* an empty column */
    int heading = cw_page_width(shown_text(&cell[column], 0));
    return heading > most ? heading : most;
}

/* The widest column that may still be narrowed, or -1. */
static int32_t widest(int32_t columns, const cw_cell *cell, const int *width, int right_too) {
    enum { CW_NARROWEST = 8 };
    int32_t found = -1;
    for (int32_t c = 0; c < columns; c++) {
        int right = cell[c].text[0] == '>';
        if (width[c] <= CW_NARROWEST || (right && !right_too)) continue;
        if (found < 0 || width[c] > width[found]) found = c;
    }
    return found;
}

/* Narrows columns of text, and only then columns of numbers, until the line fits. */
static void fit(int32_t columns, const cw_cell *cell, int *width) {
    for (;;) {
        int total = 0;
        for (int32_t c = 0; c < columns; c++) total += width[c] > 0 ? width[c] + 2 : 0;
        if (total <= CW_PAGE_COLUMNS) return;
        int32_t narrowed = widest(columns, cell, width, 0);
        if (narrowed < 0) narrowed = widest(columns, cell, width, 1);
        if (narrowed < 0) return;
        width[narrowed]--;
    }
}

void cw_page_table(cw_page *page, int32_t rows, int32_t columns, const cw_cell *cell) {
    int width[16] = {0};
    if (columns > 16) columns = 16;
    for (int32_t c = 0; c < columns; c++) width[c] = column_width(rows, columns, cell, c);
    fit(columns, cell, width);
    for (int32_t r = 0; r < rows; r++) {
        int owed = 0; /* spaces that only a later cell brings out: no line ends with one */
        for (int32_t c = 0; c < columns; c++) {
            if (width[c] == 0) continue;
            const cw_cell *here = &cell[r * columns + c];
            cw_cell clipped;
            cw_cell_set(&clipped, shown_text(here, r), width[c]);
            int length = cw_page_width(clipped.text), right = cell[c].text[0] == '>';
            owed += 2 + (right ? width[c] - length : 0);
            if (length > 0) {
                pad(page, owed);
                put(page, clipped.text, strlen(clipped.text));
                owed = 0;
            }
            if (!right) owed += width[c] - length;
        }
        put(page, "\n", 1);
    }
}

cw_code cw_page_end(cw_page *page, char **text) {
    put(page, "", 1);
    *text = NULL;
    if (page->code != CW_OK) {
        cw_free(page->env, &page->text);
        return page->code;
    }
    *text = page->text;
    page->text = NULL;
    return CW_OK;
}
