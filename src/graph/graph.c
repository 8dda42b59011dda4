#include "graph.h"

#include <string.h>

#include "../base/random.h"

cw_code cw_graph_create(cw_env *env, cw_graph **out) {
    CW_TRY(cw_alloc_zero(env, 1, sizeof **out, out));
    (*out)->env = env;
    return CW_OK;
}

void cw_graph_destroy(cw_graph **out) {
    cw_graph *graph = *out;
    if (!graph) return;
    cw_env *env = graph->env;
    for (int32_t v = 0; v < graph->nodes; v++) cw_free(env, &graph->name[v]);
    cw_free(env, &graph->name);
    cw_free(env, &graph->latent);
    cw_free(env, &graph->edge);
    cw_free(env, &graph->slot);
    cw_free(env, &graph->parent_start);
    cw_free(env, &graph->parent);
    cw_free(env, &graph->child_start);
    cw_free(env, &graph->child);
    cw_free(env, &graph->sibling_start);
    cw_free(env, &graph->sibling);
    cw_free(env, out);
}

/* The slot where a name is or would be. */
static int32_t slot_of(const cw_graph *graph, const char *name, size_t length) {
    uint32_t mask = (uint32_t)graph->slots - 1;
    uint32_t at = (uint32_t)cw_hash64(name, length, 0) & mask;
    for (;; at = (at + 1) & mask) {
        int32_t node = graph->slot[at] - 1;
        if (node < 0) return (int32_t)at;
        if (strncmp(graph->name[node], name, length) == 0 && graph->name[node][length] == '\0')
            return (int32_t)at;
    }
}

int32_t cw_graph_find(const cw_graph *graph, const char *name) {
    if (graph->slots == 0) return -1;
    return graph->slot[slot_of(graph, name, strlen(name))] - 1;
}

static cw_code grow_slots(cw_graph *graph) {
    if (graph->nodes * 2 < graph->slots) return CW_OK;
    int32_t slots = graph->slots ? graph->slots * 2 : 64;
    int32_t *fresh = NULL;
    CW_TRY(cw_alloc_zero(graph->env, (size_t)slots, sizeof *fresh, &fresh));
    cw_free(graph->env, &graph->slot);
    graph->slot = fresh;
    graph->slots = slots;
    for (int32_t v = 0; v < graph->nodes; v++)
        graph->slot[slot_of(graph, graph->name[v], strlen(graph->name[v]))] = v + 1;
    return CW_OK;
}

/* The node of a name, made when new. */
static cw_code node_of(cw_graph *graph, const char *name, size_t length, int32_t *node) {
    CW_TRY(grow_slots(graph));
    int32_t at = slot_of(graph, name, length);
    *node = graph->slot[at] - 1;
    if (*node >= 0) return CW_OK;
    if (graph->nodes == CW_MAX_NODES) {
        return cw_fail(graph->env, CW_BAD_JOB, NULL, NULL, "a graph of more than %d nodes", CW_MAX_NODES);
    }
    char *copy = NULL;
    CW_TRY(cw_realloc(graph->env, (size_t)graph->nodes + 1, sizeof *graph->name, &graph->name));
    CW_TRY(cw_realloc(graph->env, (size_t)graph->nodes + 1, sizeof *graph->latent, &graph->latent));
    CW_TRY(cw_strndup(graph->env, name, length, &copy));
    graph->name[graph->nodes] = copy;
    graph->latent[graph->nodes] = 0;
    *node = graph->nodes++;
    graph->slot[at] = *node + 1;
    return CW_OK;
}

static cw_code add_edge(cw_graph *graph, int32_t from, int32_t to, int bidirected) {
    if (graph->edges == CW_MAX_EDGES) {
        return cw_fail(graph->env, CW_BAD_JOB, NULL, NULL, "a graph of more than %d edges", CW_MAX_EDGES);
    }
    /* room doubles, so that reading stays linear */
    if ((graph->edges & (graph->edges - 1)) == 0) {
        size_t room = graph->edges ? (size_t)graph->edges * 2 : 1;
        CW_TRY(cw_realloc(graph->env, room, sizeof *graph->edge, &graph->edge));
    }
    graph->edge[graph->edges++] = (cw_edge){.from = from, .to = to, .bidirected = bidirected};
    return CW_OK;
}

/* ---- the inline form ---- */

typedef enum word_kind {
    WORD_END,
    WORD_NAME,
    WORD_COMMA,
    WORD_RIGHT,
    WORD_LEFT,
    WORD_BOTH,
    WORD_BAD
} word_kind;

typedef struct word {
    word_kind kind;
    const char *at;
    size_t length;
} word;

typedef struct reader {
    cw_graph *graph;
    const char *what, *text, *next;
    int line;
    word word;
} reader;

static int is_name_byte(char c) {
    unsigned char u = (unsigned char)c;
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' ||
           u == '.' || u == '=' || u >= 0x80;
}

static void read_word(reader *r) {
    const char *at = r->next;
    while (*at == ' ' || *at == '\t') at++;
    word w = {.at = at, .length = 1};
    if (*at == '\0') {
        w = (word){.kind = WORD_END, .at = at};
    } else if (*at == ',') {
        w.kind = WORD_COMMA;
    } else if (strncmp(at, "<->", 3) == 0) {
        w = (word){.kind = WORD_BOTH, .at = at, .length = 3};
    } else if (strncmp(at, "->", 2) == 0) {
        w = (word){.kind = WORD_RIGHT, .at = at, .length = 2};
    } else if (strncmp(at, "<-", 2) == 0) {
        w = (word){.kind = WORD_LEFT, .at = at, .length = 2};
    } else if (*at == '`' || *at == '"') {
        const char *end = strchr(at + 1, *at);
        w.kind = end && end > at + 1 ? WORD_NAME : WORD_BAD;
        w.at = at + 1;
        w.length = end ? (size_t)(end - at - 1) : 0;
    } else {
        size_t length = 0;
        while (is_name_byte(at[length])) length++;
        w.kind = length ? WORD_NAME : WORD_BAD;
        w.length = length;
    }
    r->word = w;
    int quoted = w.kind == WORD_NAME && (*at == '`' || *at == '"');
    r->next = w.at + w.length + quoted;
}

static cw_code expected(const reader *r, const char *what) {
    char where[CW_ERROR_PLACE];
    size_t column = (size_t)(r->word.at - r->text) + 1, n = strlen(r->what);
    if (n > 200) n = 200;
    memcpy(where, r->what, n);
    char *to = where + n, digits[2][24];
    int64_t number[2] = {r->line, (int64_t)column};
    for (int k = 0; k < 2; k++) {
        size_t d = sizeof digits[k];
        digits[k][--d] = '\0';
        do digits[k][--d] = (char)('0' + number[k] % 10);
        while ((number[k] /= 10) > 0);
        const char *label = k == 0 ? " line " : " character ";
        memcpy(to, label, strlen(label));
        to += strlen(label);
        memcpy(to, digits[k] + d, strlen(digits[k] + d) + 1);
        to += strlen(digits[k] + d);
    }
    const char *mend = *r->word.at == '[' ? "lagged nodes are not available in this version"
                                          : "write edges like \"a, b -> c\", \"a <-> b\" or \"latent u\"";
    return cw_fail(r->graph->env, CW_BAD_JOB, where, mend, "%s expected in the edge \"%.200s\"", what,
                   r->text);
}

/* name {, name}: appended to *list. */
static cw_code read_list(reader *r, int32_t **list, int32_t *count) {
    *count = 0;
    for (;;) {
        if (r->word.kind != WORD_NAME) return expected(r, "a name");
        int32_t node = -1;
        CW_TRY(node_of(r->graph, r->word.at, r->word.length, &node));
        CW_TRY(cw_realloc(r->graph->env, (size_t)*count + 1, sizeof **list, list));
        (*list)[(*count)++] = node;
        read_word(r);
        if (r->word.kind != WORD_COMMA) return CW_OK;
        read_word(r);
    }
}

static cw_code connect(cw_graph *graph, word_kind arrow, const int32_t *left, int32_t lefts,
                       const int32_t *right, int32_t rights) {
    for (int32_t a = 0; a < lefts; a++) {
        for (int32_t b = 0; b < rights; b++) {
            if (arrow == WORD_LEFT)
                CW_TRY(add_edge(graph, right[b], left[a], 0));
            else
                CW_TRY(add_edge(graph, left[a], right[b], arrow == WORD_BOTH));
        }
    }
    return CW_OK;
}

static cw_code read_chain(reader *r, int32_t **left, int32_t **right) {
    int32_t lefts = 0, rights = 0;
    CW_TRY(read_list(r, left, &lefts));
    while (r->word.kind != WORD_END) {
        word_kind arrow = r->word.kind;
        if (arrow != WORD_RIGHT && arrow != WORD_LEFT && arrow != WORD_BOTH)
            return expected(r, "->, <- or <->");
        read_word(r);
        CW_TRY(read_list(r, right, &rights));
        CW_TRY(connect(r->graph, arrow, *left, lefts, *right, rights));
        int32_t *swap = *left;
        *left = *right;
        *right = swap;
        lefts = rights;
    }
    return CW_OK;
}

static cw_code read_latents(reader *r, int32_t **list) {
    int32_t count = 0;
    read_word(r);
    CW_TRY(read_list(r, list, &count));
    if (r->word.kind != WORD_END) return expected(r, "the end");
    for (int32_t k = 0; k < count; k++) r->graph->latent[(*list)[k]] = 1;
    return CW_OK;
}

cw_code cw_graph_add_text(cw_graph *graph, const char *what, int line, const char *text) {
    reader r = {.graph = graph, .what = what, .line = line, .text = text, .next = text};
    int32_t *left = NULL, *right = NULL;
    read_word(&r);
    /* "latent u" declares; "latent -> y" is an edge of a node of that name */
    reader ahead = r;
    read_word(&ahead);
    int declares = r.word.kind == WORD_NAME && r.word.length == 6 && strncmp(r.word.at, "latent", 6) == 0 &&
                   ahead.word.kind == WORD_NAME;
    cw_code code = declares ? read_latents(&r, &left) : read_chain(&r, &left, &right);
    cw_free(graph->env, &left);
    cw_free(graph->env, &right);
    return code;
}
