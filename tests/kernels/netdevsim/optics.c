
/*
 * Memory of pluggable modules for the simulated network card: a QSFP28 by SFF-8636 in the first port,
 * one by CMIS in the second and an SFP by SFF-8472 in the third. No two fields have the same value, so
 * that a field in the place of another is noticed.
 */
static void optics_word(u8 *memory, int at, int value)
{
	memory[at] = value >> 8;
	memory[at + 1] = value;
}

static void optics_lanes(u8 *memory, int at, int count, int first, int step)
{
	for (; count; count--, at += 2, first += step)
		optics_word(memory, at, first);
}

/* 1310 nm; lanes at 34 received, at 42 bias, at 50 transmitted; page 3 has thresholds. */
static int optics_sff8636(u8 *memory, u8 device, u8 page)
{
	memory[0] = 0x11;
	optics_word(memory, 22, 0x1e80);
	optics_word(memory, 26, 33000);
	optics_lanes(memory, 34, 4, 10000, 1000);
	optics_lanes(memory, 42, 4, 3000, 100);
	optics_lanes(memory, 50, 4, 20000, 1000);
	if (page == 0) {
		memory[147] = 0x40;
		optics_word(memory, 186, 26200);
	} else if (page == 3) {
		optics_word(memory, 176, 40000);
		optics_word(memory, 178, 500);
		optics_word(memory, 192, 50000);
		optics_word(memory, 194, 700);
	} else {
		return -EIO;
	}
	return 0;
}

/* Two lanes of 1550 nm, currents in units of 4 uA. */
static int optics_cmis(u8 *memory, u8 device, u8 page)
{
	memory[0] = 0x18;
	memory[88] = 0x42;
	optics_word(memory, 14, 0x2d80);
	optics_word(memory, 16, 33100);
	if (page == 1) {
		optics_word(memory, 138, 31000);
		memory[160] = 0x08;
	} else if (page == 2) {
		optics_word(memory, 176, 41000);
		optics_word(memory, 178, 510);
		optics_word(memory, 192, 51000);
		optics_word(memory, 194, 710);
	} else if (page == 0x11) {
		optics_lanes(memory, 154, 8, 21000, 1000);
		optics_lanes(memory, 170, 8, 4000, 100);
		optics_lanes(memory, 186, 8, 11000, 1000);
	} else if (page != 0) {
		return -EIO;
	}
	return 0;
}

/* 850 nm; diagnostics at the second address of the bus. */
static int optics_sff8472(u8 *memory, u8 device, u8 page)
{
	if (page)
		return -EIO;
	if (device == 0x50) {
		memory[0] = 0x03;
		optics_word(memory, 60, 850);
		memory[92] = 0x68;
		return 0;
	}
	optics_word(memory, 24, 52000);
	optics_word(memory, 26, 720);
	optics_word(memory, 32, 42000);
	optics_word(memory, 34, 520);
	optics_word(memory, 96, 0xf600);
	optics_word(memory, 98, 33200);
	optics_lanes(memory, 100, 3, 3500, 1000);
	return 0;
}

static int optics_page(struct net_device *device, const struct ethtool_module_eeprom *request,
		       struct netlink_ext_ack *extack)
{
	static int (*const kinds[])(u8 *, u8, u8) = { optics_sff8636, optics_cmis, optics_sff8472 };
	unsigned int port = ((struct netdevsim *)netdev_priv(device))->nsim_dev_port->port_index;
	u8 memory[256] = { 0 };
	int error;

	if (port >= ARRAY_SIZE(kinds))
		return -EOPNOTSUPP;
	if (request->offset + request->length > sizeof(memory))
		return -EINVAL;
	error = kinds[port](memory, request->i2c_address, request->page);
	if (error)
		return error;
	memcpy(request->data, memory + request->offset, request->length);
	return request->length;
}

