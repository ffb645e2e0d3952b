'use strict';
// Queries in GraphQL, which Prisma's Python client writes, become the JSON protocol, the only one the WebAssembly engine
// reads; its answers become what the native engine gives.
//
// GraphQL leaves a literal's type to the schema, the JSON protocol marks it: so the type is carried along on the way down,
// as `{model}` (keys are fields of that model, or structure such as `where` and `AND`), `{scalar}` (keys are operators on
// a field of that type) or neither.

const { parse } = require('graphql');

const ACTIONS = [
  'findUniqueOrThrow', 'findUnique', 'findFirstOrThrow', 'findFirst', 'findMany', 'createOne', 'createManyAndReturn',
  'createMany', 'updateOne', 'updateMany', 'deleteOne', 'deleteMany', 'upsertOne', 'aggregate', 'groupBy',
];
const RAW = new Set(['queryRaw', 'executeRaw']);
const NULLS = new Set(['JsonNull', 'DbNull', 'AnyNull']);
const PLAIN_IN_JSON_FILTERS = new Set(['path', 'string_contains', 'string_starts_with', 'string_ends_with', 'mode']);
const TAGGED_STRINGS = new Set(['Json', 'Bytes']);

class Translator {
  constructor(models) {
    this.models = models;
  }

  /** `{request, answerName, raw}`: the query for the engine, under which name its answer goes, whether it is raw SQL. */
  translate(text) {
    const { selections } = parse(text, { noLocation: true }).definitions[0].selectionSet;
    if (selections.length !== 1) throw new Error('one query at a time is understood');
    const [root] = selections;
    const { action, model } = this.split(root.name.value);
    const query = { arguments: this.arguments(root.arguments, model), selection: this.selection(root.selectionSet, model) };
    const request = { ...(model ? { modelName: model } : {}), action, query };
    return { request, answerName: (root.alias || root.name).value, raw: action === 'queryRaw' };
  }

  split(name) {
    if (RAW.has(name)) return { action: name };
    const action = ACTIONS.find((each) => name.startsWith(each) && this.models.has(name.slice(each.length)));
    if (!action) throw new Error(`unknown query ${name}`);
    return { action, model: name.slice(action.length) };
  }

  arguments(nodes, model) {
    return Object.fromEntries((nodes || []).map((node) => [node.name.value, this.value(node.value, { model })]));
  }

  selection(set, model) {
    return Object.fromEntries((set ? set.selections : []).map((node) => [node.name.value, this.selected(node, model)]));
  }

  selected(node, model) {
    if (!node.selectionSet && !(node.arguments || []).length) return true;
    const name = node.name.value;
    const below = name.startsWith('_') ? model : this.at(name, model).model; // _count, _sum: of the same model
    return { arguments: this.arguments(node.arguments, below), selection: this.selection(node.selectionSet, below) };
  }

  at(key, model) {
    const type = model && this.models.get(model).get(key);
    if (!type) return {};
    return this.models.has(type) ? { model: type } : { scalar: type };
  }

  below(key, { model, scalar }) {
    if (scalar) return { scalar: scalar === 'Json' && PLAIN_IN_JSON_FILTERS.has(key) ? 'String' : scalar };
    const found = this.at(key, model);
    return found.model || found.scalar ? found : { model };
  }

  value(node, at) {
    switch (node.kind) {
      case 'NullValue': return null;
      case 'BooleanValue': return node.value;
      case 'IntValue': return integer(node.value, at.scalar);
      case 'FloatValue': return at.scalar === 'Decimal' ? tagged('Decimal', node.value) : Number(node.value);
      case 'StringValue': return TAGGED_STRINGS.has(at.scalar) ? tagged(at.scalar, node.value) : node.value;
      case 'EnumValue': return NULLS.has(node.value) ? tagged('Enum', node.value) : node.value;
      case 'ListValue': return node.values.map((each) => this.value(each, at));
      case 'ObjectValue': return Object.fromEntries(node.fields.map(
        (field) => [field.name.value, this.value(field.value, this.below(field.name.value, at))]));
      default: throw new Error(`literals of kind ${node.kind} are not understood`);
    }
  }
}

function tagged(type, value) {
  return { $type: type, value };
}

function integer(text, scalar) {
  return scalar === 'BigInt' || !Number.isSafeInteger(Number(text)) ? tagged('BigInt', text) : Number(text);
}

/** An answer of the engine as the native one gives it in GraphQL: values without their type marks. */
function answer(response, { answerName, raw }) {
  if (!response.data) return response;
  const [result] = Object.values(response.data);
  return { ...response, data: { [answerName]: raw ? rows(result) : unmarked(result) } };
}

function unmarked(value) {
  if (Array.isArray(value)) return value.map(unmarked);
  if (value === null || typeof value !== 'object') return value;
  if ('$type' in value && 'value' in value) return value.value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, unmarked(each)]));
}

/** Rows of raw SQL in the form that clients of Prisma 5.4 read; newer engines answer columns, types and rows apart. */
function rows(result) {
  if (!result || !result.columns) return result;
  return result.rows.map((row) => Object.fromEntries(
    result.columns.map((column, index) => [column, cell(result.types[index], row[index])])));
}

function cell(type, value) {
  const item = type.endsWith('-array') ? type.slice(0, -'-array'.length) : null;
  if (value === null) return { prisma__type: 'null', prisma__value: null };
  if (item === null) return { prisma__type: type, prisma__value: value };
  return { prisma__type: 'array', prisma__value: value.map((each) => cell(item, each)) };
}

module.exports = { Translator, answer };
