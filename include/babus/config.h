/* SPDX-License-Identifier: MIT */
/*
 * babus.ini, the configuration of the command line tool and babusfs. Any client may read
 * it. Each key has a default, so no file is needed.
 *
 * Threads: a loaded configuration does not change. All calls from all threads.
 */
#ifndef BABUS_CONFIG_H
#define BABUS_CONFIG_H

#include <babus/babus.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct babus_config babus_config;

/*
 * Load `path`. NULL: $BABUS_CONFIG, which must exist if set; else
 * $XDG_CONFIG_HOME/babus/babus.ini (~/.config/babus/babus.ini), else
 * /etc/babus.ini, else the built-in defaults. A file with an error is not used at all:
 * -EINVAL, and babus_error_detail() is the line "FILE:LINE: what, and what was expected".
 * Errors: -EINVAL, -ENOENT, -EACCES, -ENOMEM.
 */
BABUS_API int babus_config_load(const char *path, babus_config **config);
BABUS_API void babus_config_free(babus_config *config);

/* The file that was loaded; "" for the built-in defaults. Valid until freed. */
BABUS_API const char *babus_config_path(const babus_config *config);

/*
 * The domain's name, and the options to open it with. $BABUS_DOMAIN and $BABUS_ROOT
 * override the file. Strings are valid until `config` is freed.
 */
BABUS_API const char *babus_config_domain(const babus_config *config,
					  struct babus_domain_options *opts);

/*
 * The options to create slot `name` with: the defaults, then each [slot PATTERN] section
 * that matches, in the order of the file.
 * Strings are valid until `config` is freed.
 */
BABUS_API void babus_config_slot(const babus_config *config, const char *name,
				 struct babus_slot_options *opts);

/*
 * The value of `key` in section [babusfs], as written, or its default; NULL if
 * there is no such key. Valid until `config` is freed.
 */
BABUS_API const char *babus_config_babusfs(const babus_config *config, const char *key);

/*
 * Parse a number of bytes with an optional unit (KiB, MiB, GiB, kB, MB, GB,
 * B). 0 or -EINVAL.
 */
BABUS_API int babus_config_parse_size(const char *text, uint64_t *bytes);

/*
 * Parse a duration with an optional unit (ns, us, ms, s, min, h; without: seconds). It may
 * have a fraction. 0 or -EINVAL.
 */
BABUS_API int babus_config_parse_duration(const char *text, uint64_t *ns);

#ifdef __cplusplus
}
#endif

#endif
