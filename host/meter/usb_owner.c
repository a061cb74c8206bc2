/* SPDX-License-Identifier: MIT */
#include "usb_owner.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PORTS = 8 };

struct nodes {
	char path[1 + PORTS][64];
	size_t n;
};

static int read_number(const char *dir, const char *name)
{
	char path[PATH_MAX];
	FILE *f;
	int n = -1;

	snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/%s", dir, name);
	f = fopen(path, "r");
	if (!f)
		return -1;
	if (fscanf(f, "%d", &n) != 1)
		n = -1;
	fclose(f);
	return n;
}

/* The ttys of an interface's folder. */
static void add_ports(const char *interface, struct nodes *nodes)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/usb/devices/%s/tty", interface);
	dir = opendir(path);
	while (dir && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && nodes->n < 1 + PORTS && strlen(e->d_name) < 32)
			snprintf(nodes->path[nodes->n++], sizeof(nodes->path[0]), "/dev/%.32s",
				 e->d_name);
	if (dir)
		closedir(dir);
}

static void find_nodes(uint8_t bus, uint8_t address, struct nodes *nodes)
{
	DIR *dir = opendir("/sys/bus/usb/devices");
	char device[256] = "";
	struct dirent *e;

	snprintf(nodes->path[0], sizeof(nodes->path[0]), "/dev/bus/usb/%03u/%03u", bus, address);
	nodes->n = 1;
	if (!dir)
		return;
	while (!*device && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && !strchr(e->d_name, ':') &&
		    read_number(e->d_name, "busnum") == bus &&
		    read_number(e->d_name, "devnum") == address)
			snprintf(device, sizeof(device), "%s", e->d_name);
	rewinddir(dir);
	while (*device && (e = readdir(dir)) != NULL)
		if (!strncmp(e->d_name, device, strlen(device)) && e->d_name[strlen(device)] == ':')
			add_ports(e->d_name, nodes);
	closedir(dir);
}

static int has_open(const char *pid, const struct nodes *nodes)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct dirent *e;
	DIR *dir;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	while (dir && !found && (e = readdir(dir)) != NULL) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%s/fd/%.32s", pid, e->d_name);
		n = readlink(path, target, sizeof(target) - 1);
		if (n <= 0)
			continue;
		target[n] = '\0';
		for (size_t i = 0; i < nodes->n && !found; i++)
			found = !strcmp(target, nodes->path[i]);
	}
	if (dir)
		closedir(dir);
	return found;
}

int mn_usb_owner(uint8_t bus, uint8_t address, char *buf, size_t size)
{
	struct nodes nodes;
	struct dirent *e;
	DIR *dir = opendir("/proc");
	int found = 0;

	if (!dir)
		return 0;
	find_nodes(bus, address, &nodes);
	while (!found && (e = readdir(dir)) != NULL) {
		long pid = strtol(e->d_name, NULL, 10);
		char path[64], name[32] = "a program";
		FILE *f;

		if (pid <= 0 || pid == (long)getpid() || !has_open(e->d_name, &nodes))
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
		f = fopen(path, "r");
		if (f) {
			if (fgets(name, sizeof(name), f))
				name[strcspn(name, "\n")] = '\0';
			fclose(f);
		}
		snprintf(buf, size, "%s (pid %ld)", name, pid);
		found = 1;
	}
	closedir(dir);
	return found;
}
