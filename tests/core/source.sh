#!/bin/sh
# SPDX-License-Identifier: MIT
# Rules of the source tree that no compiler checks. Arguments: source, build.
set -u
cd "$1" || exit 1

# Print the name of a rule, and what breaks it. Input is what was found: empty if the
# rule is kept. Runs in a pipe, so only its output counts.
rule() {
	found=$(cat)
	if [ -n "$found" ]; then
		printf 'FAILED %s:\n%s\n' "$1" "$found"
	else
		printf 'ok     %s\n' "$1"
	fi
}

rules() {
	grep -rln --include='*.[ch]' 'memory_order' core fs tools include | grep -v '^core/sync\.h$' |
		rule 'memory_order appears in core/sync.h only'

	grep -rnE --include='*.[ch]' '\<__(atomic|sync)_|atomic_thread_fence' core fs tools include |
		grep -v '^core/sync\.h:' | rule 'no other atomic operation and no stand-alone fence'

	grep -rnE --include='*.[ch]' '(^|[^_[:alnum:]])getenv\(' core |
		rule 'the environment of a program with more rights than its caller is not used'

	grep -rn --include='*.[ch]' 'volatile' core include | grep -v '__volatile__' |
		rule 'no volatile in the core'

	# A quoted include must be a file of the same directory, or made of one, one of
	# include/internal, or, outside the core, one of tools/common.
	for dir in core fs tools tools/common tools/examples tools/bench; do
		[ -d "$dir" ] || continue
		grep -nE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$dir"/*.[ch] /dev/null |
			while IFS=: read -r file line include; do
				name=$(printf '%s' "$include" | sed 's/.*"\(.*\)".*/\1/')
				case $name in internal/*) [ -f "include/$name" ] && continue ;; esac
				case $dir:$name in core:*) ;; *:common/*) [ -f "tools/$name" ] && continue ;; esac
				case $name in */*) bad=1 ;; *) bad=0 ;; esac
				[ "$bad" = 0 ] && { [ -f "$dir/$name" ] || [ -f "$dir/${name%.h}.idl" ]; } || echo "$file:$line: $include"
			done
	done | rule 'core includes its own headers and include/internal only; fs and tools those of tools/common, too'

	awk '/words of one process/ { exit }
		/^static inline/ { name = $0; atomic = step = 0 }
		/atomic_/ { atomic = 1 }
		/STEP\(/ { step = 1 }
		/^}/ && atomic && !step { print name }' core/sync.h |
		rule 'every operation on a shared word is a kill point'

	# Calls whose effect on files, locks and memory others see; not on a nameless file.
	awk 'FNR == 1 { step = -9 }
		/STEP\(/ { step = FNR }
		FILENAME ~ /shm\.c$/ && /linkat\(/ { next }
		/shm_link\(|linkat\(|renameat\(|mkdirat\(|rmdir\(|fchmod\(|fchown\(/ ||
		/F_OFD_|MADV_REMOVE|MADV_POPULATE_WRITE\)|FALLOC_FL|SYS_futex/ {
			if (FNR - step > 6 && !/^int /)
				print FILENAME ":" FNR ":" $0
		}' core/*.c | rule 'every system call that others notice is a kill point'

	grep -rnE --include='*.[ch]' 'include[[:space:]]*<babus/' fs tools core |
		grep -vE '<babus/(babus|config)\.h>' | rule 'of babus only its public headers'

	grep -rnE --include='*.[ch]' 'SYS_futex|FUTEX_' core | grep -v '^core/wait\.c:' |
		grep -vE ':[[:space:]]*(\*|/\*)' | rule 'one caller of futex in the core'
}

said=$(rules)
printf '%s\n' "$said"
case $said in *FAILED*) exit 1 ;; esac
