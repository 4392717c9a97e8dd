"""A rule that measures before it moves, made for this test: state advanced in the first pass, and a
scalar of the whole optimizer."""

import platform
import shutil
import subprocess

import numpy as np
import pytest
from places import SOURCE

CC = shutil.which("gcc") or shutil.which("cc")
pytestmark = pytest.mark.skipif(not CC, reason="needs a C compiler")

ROWS = """
SCALARS(toy, HYPER(lr), CARRIED(NOTHING), STARTS(0), FOLDED(rate))
RULE(toy, toy, STATE(s))
SUMS(toy, MEASURED(ss, n), KEPT(largest, updates), STARTS(0, 0), PER_OPTIMIZER)
"""
LOOPS = """
COEFFICIENTS(toy)
{
    (void)k;
    c->rate = (real)h->lr;
}
MEASURE(toy, toy)
{
    const real *g = (const real *)a[1] + i;
    real *v = (real *)a[2] + i;
    for (size_t j = 0; j < LRC_LANES; j++) {
        v[j] += g[j];
        s->ss[j] += (double)v[j] * (double)v[j];
        s->n[j] += v[j] != 0;
    }
    (void)c;
}
BETWEEN(toy, toy)
{
    if (norm_of(s->ss) > k->largest)
        k->largest = norm_of(s->ss);
    k->updates += 1;
    c->rate = (real)(h->lr / k->largest);
}
KERNEL(toy, toy)
{
    real *restrict p = a[0];
    const real *restrict v = a[2];
    for (size_t i = 0; i < n; i++)
        p[i] -= c.rate * v[i];
}
"""
MAIN = """
#include "job.h"
#include <math.h>
#include <stdio.h>
extern const lrc_table lrc_kernels_baseline;
static float array[3][3][20003];
int main(void)
{
    const size_t n[3] = {3, 0, 20003};
    lrc_recipe recipe = {.rule = LRC_RULE_toy, .dtype = LRC_FLOAT32, .hyper = {0.5}};
    lrc_tensor tensors[3] = {{{0}}};
    lrc_own own[3] = {{0}};
    double partial[8], measured[8 * LRC_MAX_SUMS];
    lrc_job job = {&lrc_kernels_baseline, &recipe, 1, tensors, 3};
    job.partial = partial;
    job.measured = measured;
    job.scale = 1;
    job.limit = INFINITY;
    job.threads = 1;
    for (size_t i = 0; i < 3; i++) {
        own[i].n_arrays = 3;
        tensors[i].n = n[i];
        tensors[i].first_chunk = job.n_chunks;
        tensors[i].own = &own[i];
        tensors[i].folded = &own[i].folded;
        for (size_t k = 0; k < 3; k++)
            tensors[i].array[k] = array[i][k];
        tensors[i].flat = array[i][1];
        for (size_t k = 0; k < n[i]; k++)
            array[i][1][k] = (float)(k % 7) - 2;
        job.n_chunks += lrc_chunks(n[i]);
        job.elements += n[i];
    }
    for (int t = 0; t < 2; t++) {
        lrc_fold(&job);
        lrc_apply(&job);
    }
    for (size_t i = 0; i < 3; i++)
        printf("%.17g %g ", own[i].kept[0], own[i].kept[1]);
    for (size_t k = 0; k < 20003; k++)
        printf("%.9g %.9g ", (double)array[2][0][k], (double)array[2][2][k]);
    printf("%.9g %.9g", (double)array[0][0][2], (double)array[0][2][2]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the program prints, as numbers."""
    source = tmp_path_factory.mktemp("toy") / "src"
    shutil.copytree(SOURCE, source)
    for name, text in (("trust.def", ROWS), ("trust.h", LOOPS)):
        with (source / "rules" / name).open("a") as family:
            family.write(text)
    (source / "main.c").write_text(MAIN)
    floors = [f"-I{source / floor}" for floor in ("rules", "kernels", "machine", "tensors", "step")]
    parts = ["main.c", "kernels/kernels.c", "machine/pool.c"]
    parts += [str(path) for floor in ("tensors", "step") for path in (source / floor).glob("*.c")]
    flags = ["-std=c11", "-O1", "-ffp-contract=off", "-DLRC_TABLE=lrc_kernels_baseline", "-pthread"]
    if platform.machine() == "x86_64":
        flags.append("-march=x86-64")
    command = [CC, *flags, *floors, *(source / part for part in parts), "-lm"]
    subprocess.run([*command, "-o", source / "toy"], check=True)
    done = subprocess.run([source / "toy"], capture_output=True, text=True, check=True)
    return np.array(done.stdout.split(), float)


def test_state_is_advanced_once_by_the_first_pass_to_the_last_element(printed):
    g = (np.arange(20003) % 7) - 2.0
    np.testing.assert_array_equal(printed[6:-2][1::2], 2 * g)
    assert printed[-1] == 0.0


def test_sums_and_kept_scalars_of_the_optimizer_are_those_of_all_arrays(printed):
    g = np.concatenate([(np.arange(n) % 7) - 2.0 for n in (3, 20003)])
    largest = np.sqrt((4 * g * g).sum())  # of whole numbers: exact but for the root
    np.testing.assert_array_equal(printed[:6].reshape(3, 2), [[largest, 2.0]] * 3)


def test_the_second_pass_moves_by_what_was_made_of_the_sums(printed):
    g = ((np.arange(20003) % 7) - 2).astype(np.float32)
    largest = printed[0]
    first, second = np.float32(0.5 / (largest / 2)), np.float32(0.5 / largest)
    found = printed[6:-2][::2].astype(np.float32)
    np.testing.assert_array_equal(found, -first * g - second * (2 * g))
