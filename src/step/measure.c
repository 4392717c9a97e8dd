#include "job.h"

#include "stage.h"

#include <string.h>

/* In index order, whatever the layout: sums have the same bits for all. */
static void measure_block(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                          double *sums)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_own *own = tensor->own;
    lrc_staged staged;
    lrc_stage(job, tensor, offset, n, &staged);
    (*job->table)[recipe->dtype]->measure[recipe->rule](tensor->folded, staged.at, own->n_arrays,
                                                        own->single, n, sums);
    lrc_unstage(job, tensor, offset, n, &staged, false);
}

/* The sums of a chunk or of a part of one. */
static void measure_blocks(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                           double *sums)
{
    memset(sums, 0, LRC_MAX_SUMS * sizeof *sums);
    for (size_t done = 0; done < n; done += LRC_BLOCK)
        measure_block(job, tensor, offset + done, lrc_up_to_a_block(n - done), sums);
}

static void add(double *sums, const double *others)
{
    for (size_t k = 0; k < LRC_MAX_SUMS; k++)
        sums[k] += others[k];
}

static void measure_row(const lrc_job *job, const lrc_tensor *tensor, size_t row, double *sums)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_own *own = tensor->own;
    const lrc_row place = {row % own->rows, own->rows, own->columns};
    const size_t first = row * own->columns;
    double of_row[LRC_MAX_SUMS] = {0}, part[LRC_MAX_SUMS];
    lrc_staged staged;
    for (size_t done = 0; done < own->columns; done += LRC_CHUNK) {
        const size_t left = own->columns - done;
        measure_blocks(job, tensor, first + done, left < LRC_CHUNK ? left : LRC_CHUNK, part);
        add(of_row, part);
    }
    lrc_stage(job, tensor, first, 1, &staged);
    (*job->table)[recipe->dtype]->row[recipe->rule](of_row, tensor->folded, staged.at, &place);
    add(sums, of_row);
}

/* The rows that begin in a chunk; if rows share state, those of all chunks by one thread. */
static void measure_rows(const lrc_job *job, const lrc_tensor *tensor, size_t chunk)
{
    const lrc_own *own = tensor->own;
    const size_t last = own->together ? lrc_chunks(tensor->n) : chunk + 1 - tensor->first_chunk;
    if (own->together && chunk > tensor->first_chunk)
        return;
    for (size_t i = chunk - tensor->first_chunk; i < last; i++) {
        double *sums = &job->measured[(tensor->first_chunk + i) * LRC_MAX_SUMS];
        memset(sums, 0, LRC_MAX_SUMS * sizeof *sums);
        size_t row = (i * LRC_CHUNK + own->columns - 1) / own->columns;
        for (; row * own->columns < tensor->n && row * own->columns < (i + 1) * LRC_CHUNK; row++)
            measure_row(job, tensor, row, sums);
    }
}

static void measure_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                          size_t n)
{
    if (!tensor->own)
        return;
    if (tensor->own->columns)
        measure_rows(job, tensor, chunk);
    else
        measure_blocks(job, tensor, offset, n, &job->measured[chunk * LRC_MAX_SUMS]);
}

static const bool shared[LRC_RULES] = {
#define SUMS(rule, measured, kept, starts, scope) [LRC_RULE_##rule] = LRC_##scope,
#include "all.def"
};

static void add_chunks(const lrc_job *job, const lrc_tensor *tensor, double *sums)
{
    for (size_t chunk = 0; chunk < lrc_chunks(tensor->n); chunk++)
        add(sums, &job->measured[(tensor->first_chunk + chunk) * LRC_MAX_SUMS]);
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
