#include "by_rows.h"

#include "pool.h"
#include "stage.h"

typedef struct {
    const lrc_table *table;
    const lrc_rows *rows;
} lrc_loop_over_rows;

static void some_rows(void *context, size_t begin, size_t end)
{
    const lrc_loop_over_rows *loop = context;
    lrc_rows_add_up(loop->table, loop->rows, begin, end);
}

void lrc_add_up_rows(const lrc_job *job)
{
    for (size_t i = 0; i < job->n_tensors; i++) {
        const lrc_rows *rows = job->tensors[i].rows;
        if (!rows || job->tensors[i].n == 0)
            continue;
        lrc_loop_over_rows context = {job->table, rows};
        const size_t grain = LRC_CHUNK / rows->width + 1;
        const lrc_pool_loop loop = {some_rows, &context, rows->touched, grain, false};
        lrc_pool_run(&loop, job->threads);
    }
}

/* Of the parameters as they have been stored. */
static void average(const lrc_job *job, const lrc_recipe *recipe, const lrc_rows *rows,
                    size_t offset, size_t n)
{
    const size_t last = rows->n_arrays - 1;
    lrc_block p_block, block;
    if (!rows->averaged || recipe->average.gain == 0)
        return;
    lrc_rows_read(job->table, rows, 0, offset, n, &p_block);
    lrc_rows_read(job->table, rows, last, offset, n, &block);
    (*job->table)[recipe->dtype]->average(&block, &p_block, n, recipe->average.gain);
    lrc_rows_write(job->table, rows, last, offset, n, &block);
}

void lrc_update_by_rows(const lrc_job *job, const lrc_tensor *tensor, size_t offset, size_t n)
{
    const lrc_recipe *recipe = &job->recipes[tensor->recipe];
    const lrc_rows *rows = tensor->rows;
    const size_t own = rows->n_arrays - rows->averaged; /* parameter and state */
    lrc_staged staged;
    lrc_rows_foretell(rows, offset + n, lrc_up_to_a_block(tensor->n - offset - n));
    for (size_t k = 0; k < own; k++) {
        const size_t place = k > 0 ? k + 1 : 0;
        lrc_rows_read(job->table, rows, k, offset, n, &staged.block[place]);
        staged.at[place] = &staged.block[place];
    }
    staged.at[1] = rows->sums + offset * (size_t)lrc_item_size[recipe->dtype];
    lrc_change_gradient(job, tensor, staged.at, n, &staged.block[1]);
    (*job->table)[recipe->dtype]->loop[recipe->rule](tensor->folded, staged.at, n);
    for (size_t k = 0; k < own; k++)
        lrc_rows_write(job->table, rows, k, offset, n, &staged.block[k > 0 ? k + 1 : 0]);
    average(job, recipe, rows, offset, n);
}
