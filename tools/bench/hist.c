/* SPDX-License-Identifier: MIT */
#include "hist.h"

/* Below 128 a bucket each; above, 64 buckets for each power of two. */
static unsigned bucket_of(uint64_t value)
{
	unsigned power;

	if (value < 128)
		return (unsigned)value;
	power = 63u - (unsigned)__builtin_clzll(value);
	if (power > 44)
		return HIST_BUCKETS - 1;
	return 128 + (power - 7) * 64 + (unsigned)(value >> (power - 6) & 63);
}

double hist_value(unsigned bucket)
{
	unsigned power;

	if (bucket < 128)
		return bucket;
	power = (bucket - 128) / 64 + 7;
	return ((double)((bucket - 128) % 64) + 64.5) * (double)(UINT64_C(1) << (power - 6));
}

void hist_add(struct hist *hist, uint64_t value)
{
	hist->count++;
	hist->sum += value;
	if (value > hist->max)
		hist->max = value;
	hist->bucket[bucket_of(value)]++;
}

void hist_merge(struct hist *into, const struct hist *from)
{
	into->count += from->count;
	into->sum += from->sum;
	if (from->max > into->max)
		into->max = from->max;
	for (unsigned i = 0; i < HIST_BUCKETS; i++)
		into->bucket[i] += from->bucket[i];
}

double hist_part(const struct hist *hist, double part)
{
	double wanted = part * (double)hist->count;
	uint64_t below = 0;

	for (unsigned i = 0; i < HIST_BUCKETS && hist->count; i++) {
		below += hist->bucket[i];
		if (below && (double)below >= wanted)
			return hist_value(i) < (double)hist->max ? hist_value(i)
								 : (double)hist->max;
	}
	return 0;
}
