/* Adjustment: the complete criterion for directed graphs with latent nodes and bidirected edges (Shpitser,
 * VanderWeele & Robins 2010; van der Zander, Liskiewicz & Textor 2014), for one treatment and one outcome.
 * All in polynomial time. */
#ifndef CW_IDENTIFY_ADJUSTMENT_H
#define CW_IDENTIFY_ADJUSTMENT_H

#include "../graph/graph.h"

typedef struct cw_adjustment {
    cw_env *env;
    int identified;
    int no_effect; /* no directed path from treatment to outcome: the effect is zero by the graph */
    int32_t sets;  /* inclusion-minimal sets, at most `cap` of them; the empty set counts */
    int32_t *set_size;
    int32_t **set;  /* node indices, ascending */
    int complete;   /* 1: all minimal sets are listed */
    int32_t chosen; /* the set with the smallest asymptotic variance among those of the graph without latents
                       (the O-set, Henckel et al. 2022) where it is valid, else the smallest minimal set; its
                       nodes are in `use` */
    int32_t use_size;
    int32_t *use;
    char *certificate; /* why it is valid, in words another person can check; NULL when not identified */
    char *obstacle;    /* why no set is valid: the path that stays open; NULL when identified */
    int32_t assumptions;
    char **assumption; /* what the answer needs, a sentence each */
} cw_adjustment;

/* Is `z` (flags) valid for the effect of x on y? */
cw_code cw_adjustment_valid(const cw_graph *graph, int32_t x, int32_t y, const uint8_t *z,
                            int *valid) CW_CHECKED;

/* `observed[v]` 0 forbids v in sets (no column); `cap` bounds the listing. Never fails for lack of
 * identification: that is an answer. */
cw_code cw_adjustment_find(const cw_graph *graph, int32_t x, int32_t y, const uint8_t *observed, int32_t cap,
                           cw_adjustment **out) CW_CHECKED;
void cw_adjustment_destroy(cw_adjustment **adjustment);

#endif
