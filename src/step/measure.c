#include "job.h"

#include "stage.h"

#include <string.h>

/* In index order, whatever the layout: sums have the same bits for all. */
static void measure_block(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                          double *sums)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_own *own = tensor->own;
    lrc_block block[LRC_MAX_ARRAYS];
    void *at[LRC_MAX_ARRAYS];
    lrc_locate(tensor, recipe->dtype, offset, at);
    for (size_t k = 0; k < own->n_arrays; k++) {
        const lrc_view *view = k == 1 ? tensor->logical : own->logical[k];
        if (view) {
            lrc_view_read(job->table, recipe->dtype, view, offset, n, &block[k]);
            at[k] = &block[k];
        }
    }
    lrc_change_gradient(job, recipe, at, n, &block[1]);
    (*job->table)[recipe->dtype]->measure[recipe->rule](tensor->folded, at, own->n_arrays, n, sums);
    for (size_t k = 2; k < own->n_arrays; k++)
        if (own->logical[k])
            lrc_view_write(job->table, recipe->dtype, own->logical[k], offset, n, &block[k]);
}

static void measure_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                          size_t n)
{
    double *sums = &job->measured[chunk * LRC_MAX_SUMS];
    if (!tensor->own)
        return;
    memset(sums, 0, LRC_MAX_SUMS * sizeof *sums);
    for (size_t done = 0; done < n; done += LRC_BLOCK)
        measure_block(job, tensor, offset + done, n - done < LRC_BLOCK ? n - done : LRC_BLOCK,
                      sums);
}

static const bool shared[LRC_RULES] = {
#define SUMS(rule, measured, kept, starts, scope) [LRC_RULE_##rule] = LRC_##scope,
#include "all.def"
};

static void add_chunks(const lrc_job *job, const lrc_tensor *tensor, double *sums)
{
    for (size_t chunk = 0; chunk < lrc_chunks(tensor->n); chunk++)
        for (size_t k = 0; k < LRC_MAX_SUMS; k++)
            sums[k] += job->measured[(tensor->first_chunk + chunk) * LRC_MAX_SUMS + k];
}

void lrc_measure(lrc_job *job)
{
    double total[LRC_RULES][LRC_MAX_SUMS] = {{0}};
    const double *kept[LRC_RULES] = {NULL};
    for (size_t i = 0; i < job->n_tensors; i++)
        if (job->tensors[i].own)
            job->tensors[i].own->folded = job->recipes[job->tensors[i].recipe].folded;
    lrc_each_chunk(job, measure_chunk);
    for (size_t i = 0; i < job->n_tensors; i++) {
        const lrc_tensor *tensor = &job->tensors[i];
        const int rule = job->recipes[tensor->recipe].rule;
        if (tensor->own) {
            memset(tensor->own->sums, 0, sizeof tensor->own->sums);
            add_chunks(job, tensor, shared[rule] ? total[rule] : tensor->own->sums);
        }
    }
    for (size_t i = 0; i < job->n_tensors; i++) {
        const lrc_recipe *recipe = &job->recipes[job->tensors[i].recipe];
        const int rule = recipe->rule;
        lrc_own *own = job->tensors[i].own;
        if (!own)
            continue;
        (*job->table)[recipe->dtype]->between[rule](shared[rule] ? total[rule] : own->sums,
                                                    recipe->hyper, own->kept, &own->folded);
        if (shared[rule] && kept[rule])
            memcpy(own->kept, kept[rule], sizeof own->kept);
        kept[rule] = own->kept;
    }
}
