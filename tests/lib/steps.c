/* SPDX-License-Identifier: MIT */
#include "steps.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support.h"

/* It uses the type of a step, and has no step of its own. */
#define BABUS_STEPS
#include "sync.h"

/* The linker defines these: the ends of the section that STEP() fills. */
extern const struct babus_step __start_babus_steps[], __stop_babus_steps[];

struct steps *steps;

/* Of this process: the target when it was armed. The notifier's thread takes steps too. */
static atomic_bool armed;
static atomic_uint taken;
static unsigned my_target;
static const char *act_before;
static _Atomic(void (*)(void)) act_once; /* taken by the first thread that comes there */
static void (*act_at)(void);
static _Thread_local bool counting;
static _Thread_local unsigned counts[STEPS_MAX];

static size_t count_steps(void)
{
	return ((uintptr_t)__stop_babus_steps - (uintptr_t)__start_babus_steps) /
	       sizeof(*__start_babus_steps);
}

void steps_init(void)
{
	assert_true(count_steps() <= STEPS_MAX);
	steps = mmap(NULL, sizeof(*steps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_true(steps != MAP_FAILED);
}

void steps_set(int signal, unsigned target)
{
	steps->signal = signal;
	steps->target = target;
	steps->name[0] = '\0';
}

void steps_arm(void)
{
	my_target = steps->target;
	act_at = NULL;
	atomic_store(&taken, 0);
	atomic_store(&armed, true);
}

void steps_disarm(void)
{
	atomic_store(&armed, false);
}

void steps_before(const char *name, void (*act)(void))
{
	act_before = name;
	act_once = act;
}

void steps_only_before(const char *name, void (*act)(void))
{
	steps_before(name, act);
	my_target = 0;
	atomic_store(&armed, true);
}

void steps_act_at(unsigned n, void (*act)(void))
{
	my_target = n;
	act_at = act;
	atomic_store(&taken, 0);
	atomic_store(&armed, true);
}

void steps_count(void)
{
	memset(counts, 0, sizeof(counts));
	counting = true;
}

unsigned steps_counted(const char *name)
{
	unsigned count = 0;

	for (size_t i = 0; i < count_steps(); i++)
		if (!name || !strcmp(__start_babus_steps[i].name, name))
			count += counts[i];
	return count;
}

static void act_if_here(const struct babus_step *step)
{
	void (*act)(void) = atomic_load(&act_once);

	if (!act || strcmp(step->name, act_before) ||
	    !atomic_compare_exchange_strong(&act_once, &act, NULL))
		return;
	steps_disarm();
	act();
	atomic_store(&armed, true);
}

void babus_step(const struct babus_step *step)
{
	counts[step - __start_babus_steps] += counting;
	if (!atomic_load(&armed))
		return;
	act_if_here(step);
	if (atomic_fetch_add(&taken, 1) + 1 != my_target)
		return;
	steps_disarm();
	if (act_at) {
		act_at();
		return;
	}
	snprintf(steps->name, sizeof(steps->name), "%s", step->name);
	atomic_fetch_add(&steps->reached[step - __start_babus_steps], 1);
	kill(getpid(), steps->signal);
}

/* Tests that look into the core's memory take its steps too. */
static const char *core_file(const struct babus_step *step)
{
	static const char directory[] = "core/";
	const char *name = strrchr(step->file, '/');
	const char *file = name ? name + 1 - strlen(directory) : step->file;

	return file >= step->file && !strncmp(file, directory, strlen(directory)) ? file : NULL;
}

void steps_assert_all_reached(void)
{
	/* Only a kernel before Linux 5.14 takes this step. */
	static const char unreachable[] = "allocate";
	unsigned count = 0, missed = 0;

	for (size_t i = 0; i < count_steps(); i++) {
		const struct babus_step *step = &__start_babus_steps[i];

		if (!core_file(step) || !strcmp(step->name, unreachable))
			continue;
		count++;
		if (atomic_load(&steps->reached[i]))
			continue;
		missed++;
		fprintf(stderr, "no operation was at step %s of %s\n", step->name, core_file(step));
	}
	printf("# %u steps by name and file\n", count);
	assert_true(count > 50);
	assert_int_equal(missed, 0);
}
