// A Modbus client on node's modbus-serial: jobs on standard input, one line of numbers back for each.
//   node foreign_client.js rtu PATH BAUD | tcp PORT | pipe PORT (RTU frames over TCP)
//   input|holding|coils UNIT ADDR COUNT    registers UNIT ADDR VALUE…    coil UNIT ADDR 0|1

const Modbus = require("modbus-serial");
const readline = require("readline");

async function open(client, how, where, baud) {
  if (how === "rtu") return client.connectRTUBuffered(where, { baudRate: Number(baud) });
  if (how === "tcp") return client.connectTCP("127.0.0.1", { port: Number(where) });
  return client.connectTelnet("127.0.0.1", { port: Number(where) });
}

async function carryOut(client, [op, unit, addr, ...values]) {
  client.setID(unit);
  switch (op) {
    case "input": return (await client.readInputRegisters(addr, values[0])).data;
    case "holding": return (await client.readHoldingRegisters(addr, values[0])).data;
    case "coils": {
      const { data } = await client.readCoils(addr, values[0]);
      return data.slice(0, values[0]).map(Number);
    }
    case "registers": await client.writeRegisters(addr, values); return [];
    case "coil": await client.writeCoil(addr, values[0] === 1); return [];
    default: throw new Error(`unknown job ${op}`);
  }
}

async function main() {
  const [how, where, baud] = process.argv.slice(2);
  const client = new Modbus();
  await open(client, how, where, baud);
  client.setTimeout(1000);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [op, ...numbers] = line.split(" ");
    const answer = await carryOut(client, [op, ...numbers.map(Number)]);
    console.log(answer.join(" "));
  }
  client.close(() => process.exit(0));
}

main().catch((error) => { console.error(error.message ?? error); process.exit(1); });
