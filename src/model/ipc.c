#include "model/ipc.h"

#include "base/buf.h"
#include "base/pass.h"

enum fault
ipc_config_read(int fd, struct snapshot **out)
{
	struct buf text = { 0 };
	enum fault f = FAULT_CONFIG;

	*out = NULL;
	if (pass_read(fd, IPC_CONFIG_MAX, &text))
		f = snapshot_read(buf_slice(&text), out);
	mem_wipe(text.p, text.len);
	buf_fini(&text);
	return f;
}

bool
ipc_config_write(int fd, const struct snapshot *s, enum snapshot_for whom)
{
	struct buf text = { 0 };
	bool good;

	snapshot_write(s, whom, &text);
	good = pass_write(fd, buf_slice(&text));
	mem_wipe(text.p, text.len);
	buf_fini(&text);
	return good;
}
