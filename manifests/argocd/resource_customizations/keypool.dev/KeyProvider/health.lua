-- The health of an ApiKeyPool, KeyProvider or ClusterKeyProvider for Argo CD, whose Lua is 5.1 without `string` and `os`.
-- The order matters: what stands first decides. docs/gitops.md has it as a table.

local function health(status, message)
  return { status = status, message = message }
end

local status = type(obj.status) == "table" and obj.status or {}
local conditions = {}
for _, condition in ipairs(type(status.conditions) == "table" and status.conditions or {}) do
  conditions[condition.type] = condition
end

local function holds(kind)
  return conditions[kind] ~= nil and conditions[kind].status == "True"
end

local function told(kind)
  local condition = conditions[kind]
  if condition == nil then
    return "there is no key yet"
  end
  return tostring(condition.reason) .. ": " .. tostring(condition.message)
end

if obj.metadata.deletionTimestamp ~= nil then
  local why = holds("Stalled") and "Stalled" or "Reconciling"
  return health("Progressing", "being deleted" .. (holds(why) and "; " .. told(why) or ""))
end
if next(conditions) == nil then
  return health("Progressing", "keypool has not looked at it yet; is the operator running?")
end
if status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", "keypool has not seen the latest change yet")
end
if holds("Stalled") then
  return health("Degraded", told("Stalled"))
end
if holds("Reconciling") then
  local down = conditions.Ready ~= nil and conditions.Ready.reason == "NoLiveKey"
  return health("Progressing", (down and told("Ready") .. "; " or "") .. told("Reconciling"))
end

-- A pool that was suspended before it had a key has no Ready.
local ready = conditions.Ready and conditions.Ready.status
if type(obj.spec) == "table" and obj.spec.suspend == true and (ready == nil or ready == "True") then
  return health("Suspended", "spec.suspend is true; " .. told("Ready"))
end
if ready == "False" then
  return health("Degraded", told("Ready"))
end
if ready ~= "True" then
  return health("Progressing", told("Ready"))
end

-- A live key is published. What is not as it should be all the same, or is not known, is told, in an order that stays the same.
local message = told("Ready")
for _, kind in ipairs({ "Published", "Healthy", "Revoked", "WithinSpendLimit", "WithinBudget" }) do
  if conditions[kind] ~= nil and conditions[kind].status ~= "True" then
    message = message .. "; " .. kind .. " is " .. tostring(conditions[kind].status) .. ", " .. told(kind)
  end
end
return health("Healthy", message)
