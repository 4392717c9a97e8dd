/* How averages are rounded, and what becomes of what is too small. Included once for each dtype,
 * before the families; refuses to know any rule.
 *
 * A decay such as beta is rounded to the dtype first and its complement (the gain) taken from
 * that, so that beta + gain is exactly 1 and the average of a constant stays constant. Averages
 * are written beta * v + gain * x, not v + gain * (x - v): while v fades out the product of the
 * latter is denormal, hence slow, for thousands of steps.
 *
 * Second moments below TINY are stored as zero, so an average may miss TINY of each update, after n
 * updates TINY * (1 - beta^n) / gain of them all. Where the root that was stored is below the root
 * of that (least), the true one is not known, and the element is left where it is: with any eps
 * above, such as the defaults, that never happens. Adagrad's sum may miss TINY of each update for
 * ever; there no step passes the rate. */

/* h->beta -> the decay in the dtype, and the gain that is left of 1. */
#define NARROW(beta, gain) (c->beta = (real)h->beta, c->gain = 1 - c->beta)
#define NARROW_BETAS (NARROW(beta1, gain1), NARROW(beta2, gain2))

/* The root of what is missed, in units of TINY. */
static inline real NAME(least)(double missed)
{
    return (real)((double)ROOT * sqrt(missed));
}

/* Denormal numbers make a step many times slower, and averages of zeros would become denormal. */
static inline real NAME(zero_below)(real x, real least)
{
    return fabs(x) < least ? 0 : x;
}
/* For second moments, which are stored without a sign. */
static inline real NAME(settled)(real x)
{
    return x < TINY ? 0 : x;
}
/* x / root, or 0 where so little is left of the root that what was stored as zero is missed in it:
 * no step grows because its denominator faded. */
static inline real NAME(over)(real x, real root, real least)
{
    return root < least ? 0 : x / root;
}

#define settle(x) NAME(settled)(x)
/* For first moments and velocities, whose product with a rate from 2^-16 on is normal as well. */
#define halt(x) NAME(zero_below)(x, 65536 * TINY)
/* The same for what is squared. */
#define halt_root(x) NAME(zero_below)(x, 256 * ROOT)
#define over(x, root, least) NAME(over)(x, root, least)
