/* The inline graph: every line of the input is an edge; what is accepted is also searched for an adjustment.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/identify/adjustment.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    cw_env env;
    cw_env_init(&env);
    cw_graph *graph = NULL;
    cw_adjustment *found = NULL;
    char *text = malloc(size + 1), *rest = text;
    memcpy(text, data, size);
    text[size] = '\0';
    cw_code code = cw_graph_create(&env, &graph);
    for (char *line = rest; code == CW_OK && line; line = rest) {
        rest = strchr(line, '\n');
        if (rest) *rest++ = '\0';
        if (*line) code = cw_graph_add_text(graph, "input", 1, line);
    }
    if (code == CW_OK) code = cw_graph_close(graph);
    if (code == CW_OK && graph->nodes >= 2 && graph->nodes < 12) {
        uint8_t observed[12];
        for (int32_t v = 0; v < graph->nodes; v++) observed[v] = !graph->latent[v];
        code = cw_adjustment_find(graph, 0, graph->nodes - 1, observed, 8, &found);
    }
    cw_adjustment_destroy(&found);
    cw_graph_destroy(&graph);
    free(text);
    if (env.blocks_now != 0) abort();
    return 0;
}
