#include "job.h"

#include "by_rows.h"
#include "pool.h"
#include "stage.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* The last tensor whose first chunk is not after chunk; empty tensors have none. */
static size_t find_tensor(const lrc_job *job, size_t chunk)
{
    size_t low = 0, high = job->n_tensors;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (job->tensors[middle].first_chunk <= chunk)
            low = middle;
        else
            high = middle;
    }
    return low;
}

typedef struct {
    lrc_job *job;
    lrc_chunk_function *function;
} lrc_loop_over_chunks;

static void some_chunks(void *context, size_t begin, size_t end)
{
    lrc_job *const job = ((lrc_loop_over_chunks *)context)->job;
    lrc_chunk_function *const function = ((lrc_loop_over_chunks *)context)->function;
    const lrc_tensor *tensor = &job->tensors[find_tensor(job, begin)];
    for (size_t chunk = begin; chunk < end; chunk++) {
        while (chunk - tensor->first_chunk >= lrc_chunks(tensor->n))
            tensor++;
        const size_t offset = (chunk - tensor->first_chunk) * LRC_CHUNK;
        const size_t left = tensor->n - offset;
        function(job, tensor, chunk, offset, left < LRC_CHUNK ? left : LRC_CHUNK);
    }
}

static void run(lrc_job *job, lrc_chunk_function *function, size_t pieces, bool backwards)
{
    lrc_loop_over_chunks context = {job, function};
    if (job->n_chunks == 0)
        return;
    /* Small tensors have small chunks: take as many at a time as make up a full one. */
    const size_t grain = job->n_chunks / (job->elements / LRC_CHUNK + 1) + 1;
    const lrc_pool_loop loop = {some_chunks, &context, job->n_chunks, pieces * grain, backwards};
    lrc_pool_run(&loop, job->threads);
}

void lrc_each_chunk(lrc_job *job, lrc_chunk_function *function)
{
    run(job, function, 1, false);
}

void lrc_each_chunk_before_others(lrc_job *job, lrc_chunk_function *function)
{
    const bool large = job->elements >= LRC_LARGE;
    run(job, function, large ? LRC_PIECE : 1, large);
}

static bool representable(const lrc_folded *folded, int dtype)
{
    for (size_t i = 0; i < LRC_MAX_SCALARS; i++)
        if (!(dtype == LRC_FLOAT32 ? isfinite(folded->f32[i]) : isfinite(folded->f64[i])))
            return false;
    return true;
}

bool lrc_fold(lrc_job *job)
{
    bool fits = true;
    for (size_t i = 0; i < job->n_recipes; i++) {
        lrc_recipe *recipe = &job->recipes[i];
        memcpy(recipe->advanced, recipe->carried, sizeof recipe->carried);
        const lrc_kernels *kernels = (*job->table)[recipe->dtype];
        kernels->coefficients[recipe->rule](recipe->hyper, recipe->advanced, &recipe->folded);
        fits = fits && representable(&recipe->folded, recipe->dtype);
        fits = fits && (recipe->dtype == LRC_FLOAT64 || isfinite((float)recipe->l2));
    }
    return fits;
}

/* The elements before the first line of the cache are done apart, so that vectors do not cross
 * lines; state lies relative to lines as its parameter does. */
static void update_flat(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    lrc_loop *const loop = (*job->table)[recipe->dtype]->loop[recipe->rule];
    void *at[LRC_MAX_ARRAYS];
    lrc_locate(tensor, recipe->dtype, offset, at);
    if (n >= LRC_BLOCK) {
        const size_t bytes = -(uintptr_t)at[0] % LRC_LINE;
        const size_t head = bytes / (size_t)lrc_item_size[recipe->dtype];
        loop(tensor->folded, at, head);
        lrc_locate(tensor, recipe->dtype, offset + head, at);
        n -= head;
    }
    loop(tensor->folded, at, n);
}

/* Rows one after the other, in parts that fit a block. */
static void update_rows(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const size_t columns = tensor->own->columns;
    lrc_staged staged;
    for (size_t end = offset + n, part; offset < end; offset += part) {
        const size_t left = columns - offset % columns;
        part = end - offset < left ? end - offset : left;
        lrc_stage(job, tensor, offset, part, &staged);
        (*job->table)[recipe->dtype]->loop[recipe->rule](tensor->folded, staged.at, part);
        lrc_unstage(job, tensor, offset, part, &staged, true);
    }
}

/* In the order in which elements are numbered. */
static const lrc_view *view_of_parameter(const lrc_tensor *tensor)
{
    return lrc_has_rows(tensor) ? tensor->own->logical[0] : tensor->parameter;
}

/* Arrays that are not flat, and gradients that are changed on the way, go through a block. */
static void update_block(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_kernels *kernels = (*job->table)[recipe->dtype];
    lrc_block p_block, g_block;
    void *at[LRC_MAX_ARRAYS];
    if (lrc_has_rows(tensor)) {
        update_rows(job, tensor, offset, n);
        return;
    }
    lrc_locate(tensor, recipe->dtype, offset, at);
    if (tensor->parameter) {
        lrc_view_read(job->table, recipe->dtype, tensor->parameter, offset, n, &p_block);
        at[0] = &p_block;
    }
    if (tensor->gradient) {
        lrc_view_read(job->table, recipe->dtype, tensor->gradient, offset, n, &g_block);
        at[1] = &g_block;
    }
    lrc_change_gradient(job, tensor, at, n, &g_block);
    kernels->loop[recipe->rule](tensor->folded, at, n);
    if (tensor->parameter)
        lrc_view_write(job->table, recipe->dtype, tensor->parameter, offset, n, &p_block);
}

static void update_observed(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n,
                            lrc_sums *sums)
{
    const int dtype = job->recipes[tensor->recipe].dtype;
    const size_t item = (size_t)lrc_item_size[dtype];
    char *const last = (char *)job->observer->last[tensor - job->tensors] + offset * item;
    const lrc_view *of_p = view_of_parameter(tensor);
    const lrc_view *of_g = lrc_view_of_gradient(tensor);
    lrc_block before, after, g_block;
    const void *p = lrc_view_block(job->table, dtype, of_p, tensor->array[0], offset, n, &before);
    if (p != &before)
        memcpy(&before, p, n * item);
    update_block(job, tensor, offset, n);
    p = lrc_view_block(job->table, dtype, of_p, tensor->array[0], offset, n, &after);
    const void *g = lrc_view_block(job->table, dtype, of_g, tensor->array[1], offset, n, &g_block);
    (*job->table)[dtype]->observe(last, &before, p, g, n, sums);
}

static void update_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                         size_t n)
{
    (void)chunk;
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    if (!tensor->parameter && !tensor->gradient && !job->clipped && recipe->l2 == 0) {
        update_flat(job, tensor, offset, n);
        return;
    }
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        if (tensor->rows)
            lrc_update_by_rows(job, tensor, offset + done, lrc_up_to_a_block(n - done));
        else
            update_block(job, tensor, offset + done, lrc_up_to_a_block(n - done));
    }
}

/* What was just updated, while it is in the cache. */
static void average_part(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_view *view = view_of_parameter(tensor);
    const size_t item = (size_t)lrc_item_size[recipe->dtype], most = view ? LRC_BLOCK : n;
    lrc_block block;
    if (!tensor->average || recipe->average.gain == 0)
        return;
    for (size_t done = 0, part; done < n; done += part) {
        part = n - done < most ? n - done : most;
        const void *p = lrc_view_block(job->table, recipe->dtype, view, tensor->array[0],
                                       offset + done, part, &block);
        (*job->table)[recipe->dtype]->average((char *)tensor->average + (offset + done) * item, p,
                                              part, recipe->average.gain);
    }
}

static void average_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                          size_t n)
{
    update_chunk(job, tensor, chunk, offset, n);
    average_part(job, tensor, offset, n);
}

static void observe_chunk(lrc_job *job, const lrc_tensor *tensor, size_t chunk, size_t offset,
                          size_t n)
{
    lrc_sums sums = {0};
    for (size_t done = 0; done < n; done += LRC_BLOCK) {
        update_observed(job, tensor, offset + done, lrc_up_to_a_block(n - done), &sums);
        average_part(job, tensor, offset + done, lrc_up_to_a_block(n - done));
    }
    job->observer->chunk[chunk] = sums;
}

/* The weight of the parameters after an update that t were applied before. */
static double gain_at(const lrc_average *average, double t)
{
    const double since = t - average->start;
    if (since <= 0)
        return 1;
    if (average->fading)
        return 1 - average->decay;
    return fmod(since, average->every) == 0 ? 1 / (since / average->every + 1) : 0;
}

static void fold_averages(lrc_job *job)
{
    for (size_t i = 0; i < job->n_recipes; i++) {
        lrc_recipe *recipe = &job->recipes[i];
        if (recipe->average.wanted)
            recipe->average.gain =
                gain_at(&recipe->average, recipe->advanced[recipe->average.count]++);
    }
}

void lrc_apply(lrc_job *job)
{
    lrc_chunk_function *const plain = job->averages ? average_chunk : update_chunk;
    job->clipped = job->uneven || job->scale != 1 || job->limit < (double)INFINITY;
    if (job->averages)
        fold_averages(job);
    if (job->measured)
        lrc_measure(job);
    lrc_each_chunk(job, job->observer ? observe_chunk : plain);
    for (size_t i = 0; i < job->n_recipes; i++) {
        lrc_recipe *recipe = &job->recipes[i];
        memcpy(recipe->carried, recipe->advanced, sizeof recipe->carried);
        memcpy(recipe->applied, recipe->hyper, sizeof recipe->applied);
    }
}
