/* SPDX-License-Identifier: MIT */
/* `mnchar flash`: write an image to a board with openocd or st-flash. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd.h"
#include "known.h"
#include "paths.h"
#include "ports.h"

/* The largest flash of the boards we know. */
#define FLASH_MAX (2u << 20)

struct options {
	const char *board, *image, *serial, *tool;
	int dry_run;
};

enum { KEY_IMAGE = 256, KEY_SERIAL, KEY_TOOL };

static const struct argp_option options[] = {
	{"image", KEY_IMAGE, "FILE", 0, "Another ELF image than the one that comes with mnchar", 0},
	{"serial", KEY_SERIAL, "TEXT", 0,
	 "Serial number of the ST-LINK; needed when several are plugged in", 0},
	{"tool", KEY_TOOL, "openocd|st-flash", 0,
	 "Use this tool (default: the first that is there)", 0},
	{"dry-run", 'n', NULL, 0, "Print the command and do not run it", 0},
	{0},
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *my = state->input;

	switch (key) {
	case KEY_IMAGE:
		my->image = arg;
		return 0;
	case KEY_SERIAL:
		my->serial = arg;
		return 0;
	case KEY_TOOL:
		if (strcmp(arg, "openocd") && strcmp(arg, "st-flash"))
			argp_error(state, "--tool is openocd or st-flash");
		my->tool = arg;
		return 0;
	case 'n':
		my->dry_run = 1;
		return 0;
	case ARGP_KEY_ARG:
		if (my->board)
			argp_error(state, "one board at a time");
		my->board = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		argp_error(state, "which board? nucleo-f446re, nucleo-f746zg or nucleo-f767zi");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp mn_argp_flash = {
	.options = options,
	.parser = parse,
	.args_doc = "BOARD",
	.doc = "Write the sweep firmware to a board that is plugged in, with openocd or st-flash."
	       "\v"
	       "Exit code 2: no ST-LINK is plugged in.\n"
	       "\n"
	       "Example: mnchar flash nucleo-f446re --serial 0669FF383133534E43184519",
};

/* Is there a program of that name on the PATH? */
static int has_program(const char *name)
{
	const char *path = getenv("PATH");
	char file[4096];
	int found = 0;

	for (const char *p = path ? path : ""; *p && !found;) {
		size_t len = strcspn(p, ":");

		if (len && (size_t)snprintf(file, sizeof(file), "%.*s/%s", (int)len, p, name) <
				   sizeof(file))
			found = !access(file, X_OK);
		p += len + (p[len] == ':');
	}
	return found;
}

/* The ST-LINK: its serial number, a copy that the caller frees. */
static int find_stlink(const char *wanted, char **ret_serial, struct mn_err *err)
{
	const struct mn_port *found = NULL;
	struct mn_port *ports;
	size_t n, matches = 0;
	int ret = mn_ports_list(&ports, &n, err);

	if (ret)
		return ret;
	for (size_t i = 0; i < n; i++) {
		if (!ports[i].is_stlink || (wanted && !strstr(ports[i].serial, wanted)))
			continue;
		found = &ports[i];
		matches++;
	}
	if (!matches)
		ret = mn_err_set(err, MN_E_NOTFOUND, "no ST-LINK%s%s is plugged in",
				 wanted ? " with serial number " : "", wanted ? wanted : "");
	else if (matches > 1)
		ret = mn_err_set(
			err, MN_E_EXISTS,
			"%zu ST-LINKs are plugged in: choose one with --serial (see mnchar boards)",
			matches);
	else if (!(*ret_serial = strdup(found->serial)))
		ret = mn_err_set(err, MN_E_NOMEM, "out of memory");
	mn_ports_free(ports, n);
	return ret;
}

/* st-flash takes no ELF: the loadable segments as one piece of memory from base. */
static int elf_to_bin(const char *path, uint32_t base, int fd, struct mn_err *err)
{
	uint8_t *memory = malloc(FLASH_MAX), *file = NULL;
	Elf32_Ehdr head;
	struct stat st;
	FILE *f = NULL;
	size_t end = 0;
	int ret = MN_E_IO;

	if (!memory)
		return mn_err_set(err, MN_E_NOMEM, "out of memory");
	memset(memory, 0xff, FLASH_MAX);
	f = fopen(path, "rb");
	if (!f || fstat(fileno(f), &st) || st.st_size > (off_t)16 << 20) {
		mn_err_set(err, ret, "%s: %s", path,
			   f ? "too large for an image" : strerror(errno));
		goto out;
	}
	file = malloc((size_t)st.st_size + 1);
	if (!file || fread(file, 1, (size_t)st.st_size, f) != (size_t)st.st_size) {
		mn_err_set(err, ret, "%s: cannot read it", path);
		goto out;
	}
	ret = mn_err_set(err, MN_E_SYNTAX, "%s is not an Arm ELF image", path);
	if ((size_t)st.st_size < sizeof(head))
		goto out;
	memcpy(&head, file, sizeof(head));
	if (memcmp(head.e_ident, ELFMAG, SELFMAG) || head.e_ident[EI_CLASS] != ELFCLASS32 ||
	    head.e_machine != EM_ARM || head.e_phentsize != sizeof(Elf32_Phdr) ||
	    head.e_phoff > (size_t)st.st_size ||
	    head.e_phnum * sizeof(Elf32_Phdr) > (size_t)st.st_size - head.e_phoff)
		goto out;
	for (unsigned i = 0; i < head.e_phnum; i++) {
		Elf32_Phdr p;

		memcpy(&p, file + head.e_phoff + i * sizeof(p), sizeof(p));
		if (p.p_type != PT_LOAD || !p.p_filesz)
			continue;
		if (p.p_paddr < base || p.p_paddr - base > FLASH_MAX ||
		    p.p_filesz > FLASH_MAX - (p.p_paddr - base) ||
		    p.p_offset > (size_t)st.st_size ||
		    p.p_filesz > (size_t)st.st_size - p.p_offset) {
			mn_err_set(err, ret, "%s has a segment outside the flash", path);
			goto out;
		}
		memcpy(memory + (p.p_paddr - base), file + p.p_offset, p.p_filesz);
		if (p.p_paddr - base + p.p_filesz > end)
			end = p.p_paddr - base + p.p_filesz;
	}
	if (!end)
		goto out;
	for (size_t done = 0; done < end;) {
		ssize_t n = write(fd, memory + done, end - done);

		if (n <= 0) {
			ret = mn_err_set(err, MN_E_IO, "cannot write a temporary file: %s",
					 strerror(errno));
			goto out;
		}
		done += (size_t)n;
	}
	ret = 0;
out:
	if (f)
		fclose(f);
	free(file);
	free(memory);
	return ret;
}

/* Run it with our stdout and stderr; its words are the best there are. */
static int run(char *const argv[], int dry_run, struct mn_err *err)
{
	extern char **environ;
	pid_t pid;
	int status, code;

	fprintf(stderr, "mnchar:");
	for (size_t i = 0; argv[i]; i++)
		fprintf(stderr, strpbrk(argv[i], " {}\"") ? " '%s'" : " %s", argv[i]);
	fputc('\n', stderr);
	if (dry_run)
		return 0;
	code = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (code)
		return mn_err_set(err, MN_E_IO, "cannot start %s: %s", argv[0], strerror(code));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return mn_err_set(err, MN_E_IO, "cannot wait for %s: %s", argv[0],
					  strerror(errno));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return mn_err_set(err, MN_E_IO, "%s failed", argv[0]);
	return 0;
}

static int run_openocd(const struct mn_known_board *board, const char *image, const char *serial,
		       int dry_run, struct mn_err *err)
{
	char adapter[128], program[4200], openocd[] = "openocd", f[] = "-f", c[] = "-c";
	char config[64];
	char *argv[] = {openocd, f, config, c, adapter, c, program, NULL};

	/* Braces, Tcl's quotes: no substitution, and blanks are fine. */
	if (strpbrk(image, "{}"))
		return mn_err_set(err, MN_E_INVALID,
				  "%s: a path with braces does not work with openocd", image);
	snprintf(config, sizeof(config), "board/st_nucleo_f%c.cfg", board->chip[strlen("stm32f")]);
	snprintf(adapter, sizeof(adapter), "adapter serial %s", serial);
	snprintf(program, sizeof(program), "program {%s} verify reset exit", image);
	return run(argv, dry_run, err);
}

static int run_stflash(const struct mn_known_board *board, const char *image, const char *serial,
		       int dry_run, struct mn_err *err)
{
	const char *dir = getenv("TMPDIR");
	char stflash[] = "st-flash", reset[] = "--reset", option[] = "--serial", write_[] = "write";
	char bin[4096], address[16], number[128];
	char *argv[] = {stflash, reset, option, number, write_, bin, address, NULL};
	int fd, ret;

	snprintf(number, sizeof(number), "%s", serial);
	snprintf(address, sizeof(address), "0x%08x", board->flash_base);
	snprintf(bin, sizeof(bin), "%s/mnchar-XXXXXX.bin", dir && *dir ? dir : P_tmpdir);
	fd = mkstemps(bin, 4);
	if (fd < 0)
		return mn_err_set(err, MN_E_IO, "%s: cannot make a temporary file: %s", bin,
				  strerror(errno));
	ret = elf_to_bin(image, board->flash_base, fd, err);
	close(fd);
	if (!ret)
		ret = run(argv, dry_run, err);
	unlink(bin);
	return ret;
}

int mn_cmd_flash(int argc, char **argv)
{
	struct options my = {0};
	const struct mn_known_board *board;
	char path[4096], name[64], *serial = NULL;
	struct mn_err err = {0};
	int ret;

	argp_parse(&mn_argp_flash, argc, argv, 0, NULL, &my);
	board = mn_known_find(my.board);
	if (!board || strcmp(my.board, board->board)) {
		mn_cmd_warn(
			board ? "%s is virtual: it runs the image from the file, nothing is flashed"
			      : "no board '%s': it is nucleo-f446re, nucleo-f746zg or "
				"nucleo-f767zi "
				"(which of several: --serial)",
			my.board);
		return MN_EXIT_USAGE;
	}
	if (!my.tool)
		my.tool = has_program("openocd")    ? "openocd"
			  : has_program("st-flash") ? "st-flash"
						    : NULL;
	if (!my.tool || !has_program(my.tool)) {
		mn_cmd_warn(
			"%s: install one with 'apt install openocd' or 'apt install stlink-tools'",
			my.tool ? my.tool : "neither openocd nor st-flash is there");
		return MN_EXIT_FAILED;
	}
	if (!my.image) {
		snprintf(name, sizeof(name), "mnchar-%s.elf", board->board);
		ret = mn_path(MN_DIR_FIRMWARE, name, path, sizeof(path), &err);
		if (ret)
			goto out;
		my.image = path;
	} else if (access(my.image, R_OK)) {
		ret = mn_err_set(&err, MN_E_NOTFOUND, "%s: %s", my.image, strerror(errno));
		goto out;
	}
	ret = find_stlink(my.serial, &serial, &err);
	if (ret == MN_E_NOTFOUND) {
		mn_cmd_fail(&err);
		return MN_EXIT_EMPTY;
	}
	if (!ret && !strcmp(my.tool, "openocd"))
		ret = run_openocd(board, my.image, serial, my.dry_run, &err);
	else if (!ret)
		ret = run_stflash(board, my.image, serial, my.dry_run, &err);
out:
	free(serial);
	return ret ? mn_cmd_fail(&err) : MN_EXIT_OK;
}
